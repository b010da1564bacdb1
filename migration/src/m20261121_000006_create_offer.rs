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
CREATE TABLE offers (
    id uuid CONSTRAINT offers_pkey PRIMARY KEY,
    tutor_id uuid NOT NULL CONSTRAINT offers_tutor_fkey REFERENCES tutors (id) ON DELETE CASCADE,
    subject_id uuid NOT NULL,
    level text NOT NULL,
    lesson_minutes smallint[] NOT NULL CONSTRAINT offers_lesson_minutes_range CHECK (
        cardinality(lesson_minutes) BETWEEN 1 AND 10 AND 5 <= ALL (lesson_minutes) AND 480 >= ALL (lesson_minutes)
    ),
    created_at timestamptz NOT NULL,
    CONSTRAINT offers_subject_level_fkey FOREIGN KEY (subject_id, level) REFERENCES subject_levels (subject_id, level),
    CONSTRAINT offers_tutor_subject_level_key UNIQUE (tutor_id, subject_id, level)
);
CREATE INDEX offers_subject_level_idx ON offers (subject_id, level, tutor_id);
";

const DOWN: &str = "DROP TABLE offers;";
