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
ALTER TABLE app_keys ADD COLUMN label text
    CONSTRAINT app_keys_label_length CHECK (char_length(label) BETWEEN 1 AND 100);
COMMENT ON COLUMN app_keys.label IS 'which installation of the app holds the key, as admins call it';
";

const DOWN: &str = r"
ALTER TABLE app_keys DROP COLUMN label;
";
