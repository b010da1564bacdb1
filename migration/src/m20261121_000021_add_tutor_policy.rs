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
ALTER TABLE tutors
    ADD end_date date,
    ADD minimum_notice_minutes integer
        CONSTRAINT tutors_minimum_notice_range CHECK (minimum_notice_minutes BETWEEN 0 AND 43200),
    ADD horizon_days integer CONSTRAINT tutors_horizon_range CHECK (horizon_days BETWEEN 1 AND 730),
    ADD start_grid_minutes integer
        CONSTRAINT tutors_start_grid_divides_day CHECK (start_grid_minutes BETWEEN 1 AND 1440 AND 1440 % start_grid_minutes = 0),
    ADD start_grid_anchor text
        CONSTRAINT tutors_start_grid_anchor_known CHECK (start_grid_anchor IN ('midnight', 'span_start')),
    ADD buffer_before_minutes integer
        CONSTRAINT tutors_buffer_before_range CHECK (buffer_before_minutes BETWEEN 0 AND 240),
    ADD buffer_after_minutes integer
        CONSTRAINT tutors_buffer_after_range CHECK (buffer_after_minutes BETWEEN 0 AND 240),
    ADD max_lessons_per_day integer
        CONSTRAINT tutors_max_lessons_per_day_range CHECK (max_lessons_per_day BETWEEN 0 AND 100),
    ADD max_lessons_per_week integer
        CONSTRAINT tutors_max_lessons_per_week_range CHECK (max_lessons_per_week BETWEEN 0 AND 700);
COMMENT ON COLUMN tutors.end_date IS 'the last local date on which the tutor teaches';
COMMENT ON COLUMN tutors.horizon_days IS 'this and the other columns of the policy: null where the centre''s holds';
";

const DOWN: &str = r"
ALTER TABLE tutors
    DROP end_date, DROP minimum_notice_minutes, DROP horizon_days, DROP start_grid_minutes, DROP start_grid_anchor,
    DROP buffer_before_minutes, DROP buffer_after_minutes, DROP max_lessons_per_day, DROP max_lessons_per_week;
";
