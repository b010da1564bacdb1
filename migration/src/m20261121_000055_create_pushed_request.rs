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
CREATE TABLE pushed_requests (
    request_hash bytea CONSTRAINT pushed_requests_pkey PRIMARY KEY
        CONSTRAINT pushed_requests_request_hash_length CHECK (octet_length(request_hash) = 32),
    session_id uuid NOT NULL CONSTRAINT pushed_requests_session_fkey REFERENCES sessions (id) ON DELETE CASCADE,
    sealed_start text NOT NULL CONSTRAINT pushed_requests_sealed_start_length CHECK (char_length(sealed_start) <= 20000),
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE pushed_requests IS 'what a frontend on another site has asked of a provider, until a browser goes there';
COMMENT ON COLUMN pushed_requests.sealed_start IS 'to where the browser goes, and what it carries';
CREATE INDEX pushed_requests_expires_at_idx ON pushed_requests (expires_at);
CREATE INDEX pushed_requests_session_idx ON pushed_requests (session_id);

ALTER TABLE sign_in_codes
    ADD COLUMN sealed_answer text CONSTRAINT sign_in_codes_sealed_answer_length CHECK (char_length(sealed_answer) <= 20000);
COMMENT ON COLUMN sign_in_codes.sealed_answer IS 'of a provider, for what was asked of it; such a code leads to no session';
";

const DOWN: &str = r"
ALTER TABLE sign_in_codes DROP COLUMN sealed_answer;
DROP TABLE pushed_requests;
";
