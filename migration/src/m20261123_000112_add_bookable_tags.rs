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
CREATE TABLE bookable_tags (
    tutor_id uuid NOT NULL CONSTRAINT bookable_tags_tutor_fkey REFERENCES tutors (id) ON DELETE CASCADE,
    position smallint NOT NULL,
    tag text NOT NULL CONSTRAINT bookable_tags_tag_length CHECK (char_length(tag) BETWEEN 2 AND 50),
    subject_id uuid NOT NULL,
    level text NOT NULL,
    capacity smallint NOT NULL CONSTRAINT bookable_tags_capacity_range CHECK (capacity BETWEEN 2 AND 100),
    description text NOT NULL CONSTRAINT bookable_tags_description_length CHECK (char_length(description) <= 2000),
    CONSTRAINT bookable_tags_pkey PRIMARY KEY (tutor_id, position),
    CONSTRAINT bookable_tags_subject_level_fkey FOREIGN KEY (subject_id, level) REFERENCES subject_levels (subject_id, level) ON DELETE CASCADE
);
COMMENT ON TABLE bookable_tags IS 'what a title contains of those events of a tutor that students can join; of several the first counts';
CREATE INDEX bookable_tags_subject_level_idx ON bookable_tags (subject_id, level);
SELECT audit_table('bookable_tags', 'tutor', 'tutor_id', '{}');

CREATE TABLE tagged_events (
    calendar_id uuid NOT NULL CONSTRAINT tagged_events_calendar_fkey REFERENCES calendars (id) ON DELETE CASCADE,
    google_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    noted_at timestamptz NOT NULL,
    refusal text,
    CONSTRAINT tagged_events_pkey PRIMARY KEY (calendar_id, google_id)
);
COMMENT ON TABLE tagged_events IS 'events whose titles contain a tag and that students can not join';
COMMENT ON COLUMN tagged_events.refusal IS 'the code of why not; null: nobody has tried yet';

CREATE INDEX lessons_own_event_idx ON lessons (tutor_id, own_event_id) WHERE own_event_id IS NOT NULL;
";

const DOWN: &str = r"
DELETE FROM jobs WHERE kind = 'open_tagged_events';
DROP INDEX lessons_own_event_idx;
DROP TABLE tagged_events;
DROP TABLE bookable_tags;
";
