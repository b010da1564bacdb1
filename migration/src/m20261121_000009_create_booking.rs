use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(DOWN).await?;
        Ok(())
    }
}

const UP: &str = r"
CREATE TABLE bookings (
    id uuid CONSTRAINT bookings_pkey PRIMARY KEY,
    lesson_id uuid NOT NULL,
    student_id uuid NOT NULL CONSTRAINT bookings_student_fkey REFERENCES users (id),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    status text NOT NULL CONSTRAINT bookings_status_known CHECK (status IN ('confirmed', 'cancelled')),
    cancelled_at timestamptz,
    cancelled_by uuid CONSTRAINT bookings_cancelled_by_fkey REFERENCES users (id),
    cancellation_reason text CONSTRAINT bookings_cancellation_reason_length CHECK (char_length(cancellation_reason) <= 500),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT bookings_lesson_span_fkey FOREIGN KEY (lesson_id, starts_at, ends_at)
        REFERENCES lessons (id, starts_at, ends_at) ON UPDATE CASCADE,
    CONSTRAINT bookings_cancelled_whole CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    CONSTRAINT bookings_student_no_overlap EXCLUDE USING gist (
        student_id WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&
    ) WHERE (status <> 'cancelled')
);
CREATE INDEX bookings_lesson_idx ON bookings (lesson_id);
CREATE INDEX bookings_student_starts_at_idx ON bookings (student_id, starts_at, id);
";

const DOWN: &str = "DROP TABLE bookings;";
