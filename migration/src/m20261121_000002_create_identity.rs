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
CREATE TABLE identities (
    id uuid CONSTRAINT identities_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT identities_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    issuer text NOT NULL,
    subject text NOT NULL CONSTRAINT identities_subject_length CHECK (char_length(subject) BETWEEN 1 AND 255),
    email text NOT NULL,
    created_at timestamptz NOT NULL,
    last_sign_in_at timestamptz,
    CONSTRAINT identities_issuer_subject_key UNIQUE (issuer, subject)
);
CREATE INDEX identities_user_idx ON identities (user_id);
";

const DOWN: &str = "DROP TABLE identities;";
