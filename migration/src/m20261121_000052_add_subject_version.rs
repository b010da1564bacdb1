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
ALTER TABLE subjects ADD COLUMN version integer NOT NULL DEFAULT 1;
-- Levels change places in one statement.
ALTER TABLE subject_levels
    DROP CONSTRAINT subject_levels_position_key,
    ADD CONSTRAINT subject_levels_position_key UNIQUE (subject_id, position) DEFERRABLE INITIALLY IMMEDIATE;
";

const DOWN: &str = r"
ALTER TABLE subject_levels
    DROP CONSTRAINT subject_levels_position_key,
    ADD CONSTRAINT subject_levels_position_key UNIQUE (subject_id, position);
ALTER TABLE subjects DROP COLUMN version;
";
