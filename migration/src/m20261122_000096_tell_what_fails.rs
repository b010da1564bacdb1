use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(UP).await?;
        let audit = AUDIT_GRANTS.replace("{more}", ",writing_failing_since");
        connection.execute_unprepared(&audit).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(DOWN).await?;
        let audit = AUDIT_GRANTS.replace("{more}", "");
        connection.execute_unprepared(&audit).await?;
        Ok(())
    }
}

const UP: &str = r"
ALTER TABLE google_grants ADD writing_failing_since timestamptz;
COMMENT ON COLUMN google_grants.writing_failing_since IS 'since when lessons could not be written to the calendar';

ALTER TABLE calendar_channels ADD heard_at timestamptz;
COMMENT ON COLUMN calendar_channels.heard_at IS 'when the first message came by it; null: none has come, and nobody relies on it';

-- As of migration 86, but that of what was never read nothing is known.
CREATE OR REPLACE FUNCTION busy_known_until(granted google_grants, hours integer) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN hours IS NOT NULL AND (granted.scopes @> ARRAY['https://www.googleapis.com/auth/calendar.freebusy']
        OR granted.scopes @> ARRAY['https://www.googleapis.com/auth/calendar.events.owned',
            'https://www.googleapis.com/auth/calendar.calendarlist.readonly'])
    THEN coalesce(granted.busy_read_at + make_interval(hours => hours), granted.connected_at) END;
$$;
";

const DOWN: &str = r"
CREATE OR REPLACE FUNCTION busy_known_until(granted google_grants, hours integer) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN granted.scopes @> ARRAY['https://www.googleapis.com/auth/calendar.freebusy']
        OR granted.scopes @> ARRAY['https://www.googleapis.com/auth/calendar.events.owned',
            'https://www.googleapis.com/auth/calendar.calendarlist.readonly']
    THEN coalesce(granted.busy_read_at, granted.connected_at) + make_interval(hours => hours) END;
$$;
ALTER TABLE calendar_channels DROP heard_at;
ALTER TABLE google_grants DROP writing_failing_since;
";

/// As of migration 80, but for `{more}`.
const AUDIT_GRANTS: &str = r"
DROP TRIGGER audit_insert ON google_grants;
DROP TRIGGER audit_update ON google_grants;
DROP TRIGGER audit_delete ON google_grants;
DROP TRIGGER audit_truncate ON google_grants;
SELECT audit_table('google_grants', 'user', 'user_id',
    '{refresh_token,refresh_token_key_id,failing_since,busy_read_at,busy_attempted_at,calendars_read_at,calendars_version{more}}');
";
