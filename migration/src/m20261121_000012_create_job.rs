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
CREATE TABLE jobs (
    id uuid CONSTRAINT jobs_pkey PRIMARY KEY,
    kind text NOT NULL,
    key text NOT NULL,
    revision integer NOT NULL DEFAULT 1,
    run_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    leased_until timestamptz,
    last_error text,
    dead_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT jobs_kind_key_key UNIQUE (kind, key)
);
COMMENT ON COLUMN jobs.revision IS 'grows when the same work is asked for again; a run that began under an older one does not count as done';
CREATE INDEX jobs_run_at_idx ON jobs (run_at) WHERE dead_at IS NULL;
";

const DOWN: &str = "DROP TABLE jobs;";
