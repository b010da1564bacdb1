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
CREATE TABLE series (
    id uuid CONSTRAINT series_pkey PRIMARY KEY,
    student_id uuid NOT NULL CONSTRAINT series_student_fkey REFERENCES users (id),
    tutor_id uuid NOT NULL CONSTRAINT series_tutor_fkey REFERENCES tutors (id),
    subject_id uuid NOT NULL,
    level text NOT NULL,
    time_zone text NOT NULL CONSTRAINT series_time_zone_length CHECK (char_length(time_zone) BETWEEN 1 AND 64),
    local_start timestamp NOT NULL,
    minutes smallint NOT NULL CONSTRAINT series_minutes_range CHECK (minutes BETWEEN 1 AND 480),
    rule text NOT NULL CONSTRAINT series_rule_length CHECK (char_length(rule) BETWEEN 1 AND 400),
    created_at timestamptz NOT NULL,
    CONSTRAINT series_subject_level_fkey FOREIGN KEY (subject_id, level) REFERENCES subject_levels (subject_id, level)
);
COMMENT ON TABLE series IS 'what was booked at once; it never changes, its bookings do';
COMMENT ON COLUMN series.time_zone IS 'of the tutor, then';
COMMENT ON COLUMN series.local_start IS 'of the first occurrence, on the wall clock of time_zone';
COMMENT ON COLUMN series.rule IS 'RFC 5545 RRULE';
CREATE INDEX series_student_idx ON series (student_id, id);
CREATE INDEX series_tutor_idx ON series (tutor_id, id);
CREATE INDEX series_subject_level_idx ON series (subject_id, level);

-- Of the booking and not of the lesson: a booking that is handed over to another tutor gets another lesson.
ALTER TABLE bookings
    ADD series_id uuid CONSTRAINT bookings_series_fkey REFERENCES series (id),
    ADD recurrence_id timestamp,
    ADD CONSTRAINT bookings_series_whole CHECK ((series_id IS NULL) = (recurrence_id IS NULL));
-- Most bookings are of no series, and cost it nothing.
CREATE UNIQUE INDEX bookings_series_recurrence_key ON bookings (series_id, recurrence_id) WHERE series_id IS NOT NULL;
COMMENT ON COLUMN bookings.recurrence_id IS 'RFC 5545 RECURRENCE-ID: when the rule wanted it, on the wall clock of the series';
";

const DOWN: &str = r"
ALTER TABLE bookings DROP recurrence_id, DROP series_id;
DROP TABLE series;
";
