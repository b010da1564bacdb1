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
CREATE TABLE google_grants (
    id uuid CONSTRAINT google_grants_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT google_grants_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    subject text NOT NULL,
    email text NOT NULL,
    scopes text[] NOT NULL,
    refresh_token bytea NOT NULL,
    refresh_token_key_id text NOT NULL,
    state text NOT NULL CONSTRAINT google_grants_state_known CHECK (state IN ('live', 'dead')),
    failing_since timestamptz,
    busy_read_at timestamptz,
    busy_attempted_at timestamptz,
    connected_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT google_grants_user_key UNIQUE (user_id)
);
COMMENT ON COLUMN google_grants.refresh_token IS 'sealed: nonce, then XChaCha20-Poly1305 of the token, under the key named by refresh_token_key_id';
";

const DOWN: &str = "DROP TABLE google_grants;";
