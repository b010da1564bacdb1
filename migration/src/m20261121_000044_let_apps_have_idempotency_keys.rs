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
-- A third-party app repeats its requests too. What is left of somebody who is gone is forgotten within a day.
ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_user_fkey;
COMMENT ON COLUMN idempotency_keys.user_id IS 'or the key of a third-party app; instances of the version before know it by this name';
";

const DOWN: &str = r"
DELETE FROM idempotency_keys WHERE user_id NOT IN (SELECT id FROM users);
ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
";
