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

// A listing tells now who of an event's guests has declined. A sync token is good for questions of the same kind only, so
// each calendar is listed anew; what is known of busy time holds until then.
const UP: &str = "DELETE FROM calendar_syncs";

const DOWN: &str = "DELETE FROM calendar_syncs";
