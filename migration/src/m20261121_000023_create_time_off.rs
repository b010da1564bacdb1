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
CREATE TABLE time_off (
    id uuid CONSTRAINT time_off_pkey PRIMARY KEY,
    tutor_id uuid NOT NULL CONSTRAINT time_off_tutor_fkey REFERENCES tutors (id) ON DELETE CASCADE,
    starts_at timestamptz,
    ends_at timestamptz,
    first_date date,
    last_date date,
    note text NOT NULL DEFAULT '' CONSTRAINT time_off_note_length CHECK (char_length(note) <= 200),
    created_at timestamptz NOT NULL,
    CONSTRAINT time_off_span_or_dates CHECK (
        num_nulls(starts_at, ends_at) = 0 AND num_nonnulls(first_date, last_date) = 0
        OR num_nonnulls(starts_at, ends_at) = 0 AND num_nulls(first_date, last_date) = 0),
    CONSTRAINT time_off_start_before_end CHECK (starts_at < ends_at),
    CONSTRAINT time_off_dates_order CHECK (first_date <= last_date)
);
COMMENT ON COLUMN time_off.first_date IS 'first and last are whole days in the tutor''s zone';
CREATE INDEX time_off_tutor_idx ON time_off (tutor_id, id);
";

const DOWN: &str = "DROP TABLE time_off;";
