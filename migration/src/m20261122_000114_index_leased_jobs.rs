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

// Of thousands that wait after an outage the first in turn is found without looking at the others, and so is what is being
// done.
const UP: &str = r"
CREATE INDEX jobs_turn_idx ON jobs
    ((kind IN ('read_busy_time', 'reconcile_calendar', 'watch_calendars', 'open_tagged_events')), in_background, run_at) WHERE dead_at IS NULL;
CREATE INDEX jobs_leased_until_idx ON jobs (leased_until) WHERE leased_until IS NOT NULL;
DROP INDEX jobs_run_at_idx;
";

const DOWN: &str = r"
CREATE INDEX jobs_run_at_idx ON jobs (run_at) WHERE dead_at IS NULL;
DROP INDEX jobs_leased_until_idx;
DROP INDEX jobs_turn_idx;
";
