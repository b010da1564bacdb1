use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(UP).await?;
        let audit = AUDIT_GRANTS.replace("{more}", ",reconcile_queued_at");
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
ALTER TABLE google_grants ADD reconcile_queued_at timestamptz;
COMMENT ON COLUMN google_grants.reconcile_queued_at IS 'when somebody was last asked to compare lessons and the events of them; null: not yet';
CREATE INDEX google_grants_reconcile_queued_at_idx ON google_grants (reconcile_queued_at NULLS FIRST) WHERE state = 'live';
";

const DOWN: &str = r"
DELETE FROM jobs WHERE kind = 'reconcile_calendar';
ALTER TABLE google_grants DROP reconcile_queued_at;
";

/// As of migration 96, but for `{more}`.
const AUDIT_GRANTS: &str = r"
DROP TRIGGER audit_insert ON google_grants;
DROP TRIGGER audit_update ON google_grants;
DROP TRIGGER audit_delete ON google_grants;
DROP TRIGGER audit_truncate ON google_grants;
SELECT audit_table('google_grants', 'user', 'user_id',
    '{refresh_token,refresh_token_key_id,failing_since,busy_read_at,busy_attempted_at,calendars_read_at,calendars_version,writing_failing_since{more}}');
";
