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
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE lessons (
    id uuid CONSTRAINT lessons_pkey PRIMARY KEY,
    tutor_id uuid NOT NULL CONSTRAINT lessons_tutor_fkey REFERENCES tutors (id),
    subject_id uuid NOT NULL,
    level text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    status text NOT NULL CONSTRAINT lessons_status_known CHECK (status IN ('scheduled', 'cancelled')),
    capacity smallint NOT NULL DEFAULT 1 CONSTRAINT lessons_capacity_range CHECK (capacity BETWEEN 1 AND 200),
    calendar_event_id text,
    calendar_event_attempt smallint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT lessons_subject_level_fkey FOREIGN KEY (subject_id, level) REFERENCES subject_levels (subject_id, level),
    CONSTRAINT lessons_start_before_end CHECK (starts_at < ends_at),
    CONSTRAINT lessons_id_span_key UNIQUE (id, starts_at, ends_at),
    CONSTRAINT lessons_tutor_no_overlap EXCLUDE USING gist (
        tutor_id WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&
    ) WHERE (status <> 'cancelled')
);
COMMENT ON COLUMN lessons.calendar_event_id IS 'the event that stands in the tutor''s calendar; null when none does';
COMMENT ON COLUMN lessons.calendar_event_attempt IS 'counts the event ids used up: the id of a deleted event stays taken';
CREATE INDEX lessons_tutor_starts_at_idx ON lessons (tutor_id, starts_at);
";

const DOWN: &str = "DROP TABLE lessons;";
