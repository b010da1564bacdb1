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
CREATE TABLE weekly_rules (
    id uuid CONSTRAINT weekly_rules_pkey PRIMARY KEY,
    tutor_id uuid NOT NULL CONSTRAINT weekly_rules_tutor_fkey REFERENCES tutors (id) ON DELETE CASCADE,
    weekday smallint NOT NULL CONSTRAINT weekly_rules_weekday_range CHECK (weekday BETWEEN 1 AND 7),
    local_start time NOT NULL,
    local_end time NOT NULL,
    valid_from date,
    valid_until date,
    CONSTRAINT weekly_rules_validity_order CHECK (valid_from <= valid_until)
);
COMMENT ON COLUMN weekly_rules.weekday IS 'ISO 8601: 1 is Monday, 7 is Sunday';
COMMENT ON COLUMN weekly_rules.local_end IS 'not after local_start means: on the next day; 00:00 is the midnight that ends the day';
CREATE INDEX weekly_rules_tutor_idx ON weekly_rules (tutor_id);
";

const DOWN: &str = "DROP TABLE weekly_rules;";
