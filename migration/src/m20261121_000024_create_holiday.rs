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
CREATE TABLE holiday_calendars (
    id uuid CONSTRAINT holiday_calendars_pkey PRIMARY KEY,
    name text NOT NULL CONSTRAINT holiday_calendars_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    centre_wide boolean NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CONSTRAINT holiday_calendars_name_key UNIQUE (name)
);
COMMENT ON COLUMN holiday_calendars.centre_wide IS 'holds for every tutor, not only for those who follow it';

CREATE TABLE holidays (
    calendar_id uuid NOT NULL CONSTRAINT holidays_calendar_fkey REFERENCES holiday_calendars (id) ON DELETE CASCADE,
    first_date date NOT NULL,
    last_date date NOT NULL,
    name text NOT NULL CONSTRAINT holidays_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT holidays_pkey PRIMARY KEY (calendar_id, first_date, name),
    CONSTRAINT holidays_dates_order CHECK (first_date <= last_date)
);
COMMENT ON TABLE holidays IS 'whole days in the zone of whoever follows the calendar';

CREATE TABLE tutor_holiday_calendars (
    tutor_id uuid NOT NULL CONSTRAINT tutor_holiday_calendars_tutor_fkey REFERENCES tutors (id) ON DELETE CASCADE,
    calendar_id uuid NOT NULL
        CONSTRAINT tutor_holiday_calendars_calendar_fkey REFERENCES holiday_calendars (id) ON DELETE CASCADE,
    CONSTRAINT tutor_holiday_calendars_pkey PRIMARY KEY (tutor_id, calendar_id)
);
CREATE INDEX tutor_holiday_calendars_calendar_idx ON tutor_holiday_calendars (calendar_id);
";

const DOWN: &str = "DROP TABLE tutor_holiday_calendars, holidays, holiday_calendars;";
