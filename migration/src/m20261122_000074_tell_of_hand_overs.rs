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
COMMENT ON COLUMN bookings.moved_at IS
    'when the tutor or the centre last moved it, confirmed, to another time or into the hands of another tutor; null: never';
";

const DOWN: &str = r"
COMMENT ON COLUMN bookings.moved_at IS 'when the tutor or the centre last moved it, confirmed, to another time; null: never';
";
