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

/// An account belongs to one user at most, once confirmed; until then it is nobody's, so many may have asked for it.
/// The default is for instances of before, which write identities without knowing the column.
const UP: &str = r"
ALTER TABLE identities ADD COLUMN confirmed_at timestamptz DEFAULT now();
UPDATE identities SET confirmed_at = created_at;
ALTER TABLE identities DROP CONSTRAINT identities_issuer_subject_key;
CREATE UNIQUE INDEX identities_issuer_subject_key ON identities (issuer, subject) WHERE confirmed_at IS NOT NULL;
CREATE UNIQUE INDEX identities_unconfirmed_key ON identities (user_id, issuer, subject) WHERE confirmed_at IS NULL;
CREATE INDEX identities_unconfirmed_idx ON identities (created_at) WHERE confirmed_at IS NULL;
";

const DOWN: &str = r"
DELETE FROM identities WHERE confirmed_at IS NULL;
DROP INDEX identities_unconfirmed_idx;
DROP INDEX identities_unconfirmed_key;
DROP INDEX identities_issuer_subject_key;
ALTER TABLE identities ADD CONSTRAINT identities_issuer_subject_key UNIQUE (issuer, subject);
ALTER TABLE identities DROP COLUMN confirmed_at;
";
