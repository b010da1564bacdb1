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
ALTER TABLE jobs ADD COLUMN failing_since timestamptz;
COMMENT ON COLUMN jobs.failing_since IS 'when the first of the attempts failed that have failed since the work was asked for or last succeeded';
";

const DOWN: &str = "ALTER TABLE jobs DROP COLUMN failing_since;";
