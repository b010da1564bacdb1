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
CREATE TABLE tutors (
    id uuid CONSTRAINT tutors_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT tutors_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    bio text NOT NULL DEFAULT '' CONSTRAINT tutors_bio_length CHECK (char_length(bio) <= 4000),
    languages text[] NOT NULL DEFAULT '{}' CONSTRAINT tutors_languages_count CHECK (cardinality(languages) <= 20),
    time_zone text NOT NULL CONSTRAINT tutors_time_zone_length CHECK (char_length(time_zone) BETWEEN 1 AND 64),
    visible boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT tutors_user_key UNIQUE (user_id)
);
";

const DOWN: &str = "DROP TABLE tutors;";
