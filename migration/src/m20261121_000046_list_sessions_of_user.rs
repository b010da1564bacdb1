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
DROP INDEX sessions_user_idx;
CREATE INDEX sessions_user_idx ON sessions (user_id, id);
";

const DOWN: &str = r"
DROP INDEX sessions_user_idx;
CREATE INDEX sessions_user_idx ON sessions (user_id);
";
