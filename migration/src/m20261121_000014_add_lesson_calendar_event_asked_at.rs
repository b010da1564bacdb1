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
ALTER TABLE lessons ADD COLUMN calendar_event_asked_at timestamptz;
COMMENT ON COLUMN lessons.calendar_event_asked_at IS 'when Google was last asked to make the event without an answer; null when nothing is open';
";

const DOWN: &str = "ALTER TABLE lessons DROP COLUMN calendar_event_asked_at;";
