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
CREATE TABLE date_overrides (
    tutor_id uuid NOT NULL CONSTRAINT date_overrides_tutor_fkey REFERENCES tutors (id) ON DELETE CASCADE,
    date date NOT NULL,
    local_starts time[] NOT NULL,
    local_ends time[] NOT NULL,
    CONSTRAINT date_overrides_pkey PRIMARY KEY (tutor_id, date),
    CONSTRAINT date_overrides_hours_paired CHECK (cardinality(local_starts) = cardinality(local_ends)),
    CONSTRAINT date_overrides_hours_count CHECK (cardinality(local_starts) <= 24)
);
COMMENT ON TABLE date_overrides IS 'replaces what the weekly rules begin on this date; no hours: nothing';
COMMENT ON COLUMN date_overrides.local_ends IS 'not after its local_start means: on the next day';
";

const DOWN: &str = "DROP TABLE date_overrides;";
