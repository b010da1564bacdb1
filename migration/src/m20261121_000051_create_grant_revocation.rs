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
CREATE TABLE grant_revocations (
    id uuid CONSTRAINT grant_revocations_pkey PRIMARY KEY,
    user_id uuid NOT NULL,
    refresh_token bytea NOT NULL,
    refresh_token_key_id text NOT NULL,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE grant_revocations IS 'what Google is still to be told that it is over; gone once Google knows';
COMMENT ON COLUMN grant_revocations.id IS 'that of the grant';
COMMENT ON COLUMN grant_revocations.user_id IS 'whose grant it was, to which the token is sealed. Refers to nothing, so that it outlives the user';
";

const DOWN: &str = r"
DROP TABLE grant_revocations;
";
