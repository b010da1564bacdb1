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
CREATE TABLE centre (
    id boolean CONSTRAINT centre_pkey PRIMARY KEY DEFAULT true CONSTRAINT centre_is_one CHECK (id),
    minimum_notice_minutes integer NOT NULL DEFAULT 120
        CONSTRAINT centre_minimum_notice_range CHECK (minimum_notice_minutes BETWEEN 0 AND 43200),
    horizon_days integer NOT NULL DEFAULT 60 CONSTRAINT centre_horizon_range CHECK (horizon_days BETWEEN 1 AND 730),
    start_grid_minutes integer NOT NULL DEFAULT 30
        CONSTRAINT centre_start_grid_divides_day CHECK (start_grid_minutes BETWEEN 1 AND 1440 AND 1440 % start_grid_minutes = 0),
    start_grid_anchor text NOT NULL DEFAULT 'midnight'
        CONSTRAINT centre_start_grid_anchor_known CHECK (start_grid_anchor IN ('midnight', 'span_start')),
    buffer_before_minutes integer NOT NULL DEFAULT 0
        CONSTRAINT centre_buffer_before_range CHECK (buffer_before_minutes BETWEEN 0 AND 240),
    buffer_after_minutes integer NOT NULL DEFAULT 0
        CONSTRAINT centre_buffer_after_range CHECK (buffer_after_minutes BETWEEN 0 AND 240),
    max_lessons_per_day integer CONSTRAINT centre_max_lessons_per_day_range CHECK (max_lessons_per_day BETWEEN 0 AND 100),
    max_lessons_per_week integer CONSTRAINT centre_max_lessons_per_week_range CHECK (max_lessons_per_week BETWEEN 0 AND 700),
    version integer NOT NULL DEFAULT 1
);
COMMENT ON TABLE centre IS 'one row: what holds for every tutor who has not said otherwise';
COMMENT ON COLUMN centre.version IS 'grows with each edit of the policy';
INSERT INTO centre DEFAULT VALUES;
";

const DOWN: &str = "DROP TABLE centre;";
