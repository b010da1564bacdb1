use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(UP).await?;
        let audit = AUDIT_LESSONS.replace("{more}", "meet_url,meet_pending_since,");
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
ALTER TABLE google_grants ADD meet_links boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN google_grants.meet_links IS 'whether events of lessons get a Meet link, from now on';

ALTER TABLE lessons ADD meet_url text CONSTRAINT lessons_meet_url_length CHECK (octet_length(meet_url) BETWEEN 1 AND 2000);
ALTER TABLE lessons ADD meet_pending_since timestamptz;
COMMENT ON COLUMN lessons.meet_pending_since IS 'since when Google has been making the Meet conference; null: it is not';
COMMENT ON COLUMN lessons.meet_url IS 'where its Meet conference is; null: there is none, or not yet';
";

const DOWN: &str = r"
ALTER TABLE lessons DROP meet_pending_since, DROP meet_url;
ALTER TABLE google_grants DROP meet_links;
";

/// As of migration 88, but for `{more}`.
const AUDIT_LESSONS: &str = r"
DO $$
DECLARE
    left_out text := '{calendar_event_id,calendar_event_calendar,calendar_event_attempt,calendar_event_asked_at,calendar_revision,calendar_event_revision,{more}expires_at,version,created_at,updated_at}';
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
