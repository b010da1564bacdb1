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

/// False until the next sign-in, for it is not known of those of before, nor told by instances of before.
const UP: &str = r"
ALTER TABLE identities ADD COLUMN email_authoritative boolean NOT NULL DEFAULT false;
-- Of whom that can be told; all others sign in once more.
UPDATE identities SET email_authoritative = true
    WHERE confirmed_at IS NOT NULL
        AND (issuer <> 'https://accounts.google.com' OR lower(email) LIKE '%@gmail.com' OR lower(email) LIKE '%@googlemail.com');
COMMENT ON COLUMN identities.email_authoritative IS 'whether the provider, at the last sign-in, was authoritative for the address';
";

const DOWN: &str = "ALTER TABLE identities DROP COLUMN email_authoritative;";
