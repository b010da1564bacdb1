use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(UP).await?;
        let audit = AUDIT_LESSONS.replace("{more}", "calendar_event_calendar,");
        connection.execute_unprepared(&audit).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(DOWN).await?;
        let audit = AUDIT_LESSONS.replace("{more}", "");
        connection.execute_unprepared(&audit).await?;
        Ok(())
    }
}

const UP: &str = r"
ALTER TABLE calendars ADD receives_lessons boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX calendars_receives_lessons_key ON calendars (user_id) WHERE receives_lessons;
COMMENT ON COLUMN calendars.receives_lessons IS 'whether lessons are put into it; where that is so of none, the primary one receives them';

ALTER TABLE lessons ADD calendar_event_calendar text
    CONSTRAINT lessons_calendar_event_calendar_length CHECK (octet_length(calendar_event_calendar) BETWEEN 1 AND 1000);
COMMENT ON COLUMN lessons.calendar_event_calendar IS
    'what Google calls the calendar in which the event stands, or may stand; null: in the primary one, if at all';
";

const DOWN: &str = r"
ALTER TABLE lessons DROP calendar_event_calendar;
ALTER TABLE calendars DROP receives_lessons;
";

/// As of migrations 58 and 72, but for `{more}`.
const AUDIT_LESSONS: &str = r"
DO $$
DECLARE
    left_out text := '{calendar_event_id,{more}calendar_event_attempt,calendar_event_asked_at,calendar_revision,calendar_event_revision,expires_at,version,created_at,updated_at}';
    event text;
BEGIN
    FOREACH event IN ARRAY ARRAY[
        'audit_insert AFTER INSERT ON lessons FOR EACH ROW WHEN (NEW.capacity > 1) EXECUTE FUNCTION audit_row',
        'audit_delete AFTER DELETE ON lessons FOR EACH ROW WHEN (OLD.capacity > 1) EXECUTE FUNCTION audit_row',
        'audit_update AFTER UPDATE ON lessons FOR EACH ROW WHEN (NEW.capacity > 1) EXECUTE FUNCTION audit_update',
        'audit_truncate AFTER TRUNCATE ON lessons FOR EACH STATEMENT EXECUTE FUNCTION audit_truncate'
    ] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER ' || event || '(%L, %L, %L, %L)', 'lesson', 'id', left_out, '{}');
    END LOOP;
END $$;
";
