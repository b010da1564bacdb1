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

// Of thousands that wait after an outage only those are looked at that are being done.
const UP: &str =
    "CREATE INDEX jobs_leased_until_idx ON jobs (leased_until) WHERE leased_until IS NOT NULL";

const DOWN: &str = "DROP INDEX jobs_leased_until_idx";
