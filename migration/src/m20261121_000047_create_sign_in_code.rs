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
CREATE TABLE sign_in_codes (
    code_hash bytea CONSTRAINT sign_in_codes_pkey PRIMARY KEY
        CONSTRAINT sign_in_codes_code_hash_length CHECK (octet_length(code_hash) = 32),
    user_id uuid NOT NULL CONSTRAINT sign_in_codes_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    code_challenge text NOT NULL CONSTRAINT sign_in_codes_code_challenge_length CHECK (char_length(code_challenge) = 43),
    redirect_uri text NOT NULL CONSTRAINT sign_in_codes_redirect_uri_length CHECK (char_length(redirect_uri) <= 1000),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    session_id uuid CONSTRAINT sign_in_codes_session_fkey REFERENCES sessions (id) ON DELETE SET NULL
);
COMMENT ON TABLE sign_in_codes IS 'what a frontend on another site exchanges for a session, once';
COMMENT ON COLUMN sign_in_codes.session_id IS 'what the code was exchanged for; it ends when the code comes again';
CREATE INDEX sign_in_codes_expires_at_idx ON sign_in_codes (expires_at);
CREATE INDEX sign_in_codes_user_idx ON sign_in_codes (user_id);
CREATE INDEX sign_in_codes_session_idx ON sign_in_codes (session_id) WHERE session_id IS NOT NULL;
";

const DOWN: &str = r"
DROP TABLE sign_in_codes;
";
