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
CREATE TABLE subjects (
    id uuid CONSTRAINT subjects_pkey PRIMARY KEY,
    slug text NOT NULL CONSTRAINT subjects_slug_form CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+){0,15}$' AND char_length(slug) <= 64),
    name text NOT NULL CONSTRAINT subjects_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL,
    CONSTRAINT subjects_slug_key UNIQUE (slug)
);

CREATE TABLE subject_levels (
    subject_id uuid NOT NULL CONSTRAINT subject_levels_subject_fkey REFERENCES subjects (id) ON DELETE CASCADE,
    level text NOT NULL CONSTRAINT subject_levels_level_length CHECK (char_length(level) BETWEEN 1 AND 64),
    position smallint NOT NULL,
    CONSTRAINT subject_levels_pkey PRIMARY KEY (subject_id, level),
    CONSTRAINT subject_levels_position_key UNIQUE (subject_id, position)
);
";

const DOWN: &str = "DROP TABLE subject_levels; DROP TABLE subjects;";
