use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared(UP)
            .await
            .map(|_| ())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared(DOWN)
            .await
            .map(|_| ())
    }
}

// Of events no more is kept than when they are: titles and guests are nobody's business here. Ids are compared and never
// sorted for anybody, hence their collation.
const UP: &str = r#"
CREATE TABLE calendar_syncs (
    calendar_id uuid CONSTRAINT calendar_syncs_pkey PRIMARY KEY
        CONSTRAINT calendar_syncs_calendar_fkey REFERENCES calendars (id) ON DELETE CASCADE,
    sync_token text NOT NULL CONSTRAINT calendar_syncs_sync_token_length CHECK (octet_length(sync_token) BETWEEN 1 AND 4096),
    time_zone text NOT NULL CONSTRAINT calendar_syncs_time_zone_length CHECK (char_length(time_zone) BETWEEN 1 AND 100),
    synced_until timestamptz NOT NULL
);
COMMENT ON TABLE calendar_syncs IS 'how far the events of a calendar are known; no row: not at all';
COMMENT ON COLUMN calendar_syncs.sync_token IS 'with which Google is asked what has changed';
COMMENT ON COLUMN calendar_syncs.time_zone IS 'of the calendar, when its events were read: in which its days are';
COMMENT ON COLUMN calendar_syncs.synced_until IS 'where the window ends of which events are known';

CREATE TABLE calendar_events (
    calendar_id uuid NOT NULL CONSTRAINT calendar_events_sync_fkey REFERENCES calendar_syncs (calendar_id) ON DELETE CASCADE,
    google_id text COLLATE "C" NOT NULL CONSTRAINT calendar_events_google_id_length CHECK (octet_length(google_id) BETWEEN 1 AND 2000),
    recurring_event_id text COLLATE "C"
        CONSTRAINT calendar_events_recurring_event_id_length CHECK (octet_length(recurring_event_id) BETWEEN 1 AND 2000),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    lesson_id uuid,
    CONSTRAINT calendar_events_pkey PRIMARY KEY (calendar_id, google_id),
    CONSTRAINT calendar_events_start_before_end CHECK (starts_at < ends_at)
);
CREATE INDEX calendar_events_recurring_idx ON calendar_events (calendar_id, recurring_event_id) WHERE recurring_event_id IS NOT NULL;
COMMENT ON TABLE calendar_events IS 'the events that block, and single occurrences of those that are repeated';
COMMENT ON COLUMN calendar_events.lesson_id IS 'the lesson of which it is our event; null: it is none of ours. It may be a lesson that there is no more';
"#;

const DOWN: &str = "DROP TABLE calendar_events, calendar_syncs;";
