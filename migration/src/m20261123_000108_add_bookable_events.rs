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
ALTER TABLE lessons ADD own_event_id text
    CONSTRAINT lessons_own_event_id_length CHECK (octet_length(own_event_id) BETWEEN 1 AND 1024);
ALTER TABLE lessons
    ADD CONSTRAINT lessons_own_event_of_group CHECK (own_event_id IS NULL OR capacity > 1),
    -- An event that is known and is not the tutor's own is ours to delete.
    ADD CONSTRAINT lessons_own_event_is_known CHECK (own_event_id IS NULL OR calendar_event_id IS NULL OR calendar_event_id = own_event_id);
COMMENT ON COLUMN lessons.own_event_id IS
    'what Google calls the event of the tutor''s own that students join as this lesson; null: the event is made, and deleted, for the lesson';
CREATE UNIQUE INDEX lessons_own_event_key ON lessons (tutor_id, own_event_id) WHERE own_event_id IS NOT NULL AND status <> 'cancelled';
-- A calendar may have several owners.
CREATE UNIQUE INDEX lessons_own_event_of_calendar_key ON lessons (own_event_id, calendar_event_calendar)
    WHERE own_event_id IS NOT NULL AND status <> 'cancelled';

-- The tutor goes to the event whether students do or not: the lesson's time does not become free with it.
CREATE FUNCTION own_event_stays() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO busy_spans (tutor_id, starts_at, ends_at)
    SELECT NEW.tutor_id, lower(span), upper(span)
    FROM unnest(
        -- While it is not known which events there are, it may be there.
        (SELECT coalesce(range_agg(tstzrange(NEW.starts_at, NEW.ends_at)), '{}')
         FROM calendars
         JOIN tutors ON tutors.user_id = calendars.user_id
         WHERE tutors.id = NEW.tutor_id AND blocks AND access_role = 'owner'
           AND NOT EXISTS (SELECT FROM calendar_syncs WHERE calendar_id = calendars.id))
        + (SELECT coalesce(range_agg(tstzrange(calendar_events.starts_at, calendar_events.ends_at)), '{}')
         FROM calendar_events
         JOIN calendars ON calendars.id = calendar_id AND blocks
         JOIN tutors ON tutors.user_id = calendars.user_id
         WHERE tutors.id = NEW.tutor_id AND calendar_events.google_id = NEW.own_event_id)
        - (SELECT coalesce(range_agg(tstzrange(starts_at, ends_at)), '{}') FROM busy_spans WHERE tutor_id = NEW.tutor_id)
    ) AS span;
    RETURN NULL;
END $$;
CREATE TRIGGER lessons_own_event_stays AFTER UPDATE OF status ON lessons FOR EACH ROW
    WHEN (NEW.own_event_id IS NOT NULL AND NEW.status = 'cancelled' AND OLD.status <> 'cancelled')
    EXECUTE FUNCTION own_event_stays();
";

/// The version before would delete the tutors' own events with the lessons: it gets to know of none.
const DOWN: &str = r"
DROP FUNCTION own_event_stays CASCADE;
UPDATE lessons SET calendar_event_id = NULL, calendar_event_calendar = NULL, calendar_event_revision = NULL
WHERE own_event_id IS NOT NULL;
ALTER TABLE lessons DROP own_event_id;
";
