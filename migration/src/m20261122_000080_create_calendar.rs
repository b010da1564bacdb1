use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(UP).await?;
        let audit = AUDIT_GRANTS.replace("{more}", ",calendars_read_at,calendars_version");
        connection.execute_unprepared(&audit).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(DOWN).await?;
        let audit = AUDIT_GRANTS.replace("{more}", "");
        connection.execute_unprepared(&audit).await?;
        Ok(())
    }
}

const UP: &str = r"
ALTER TABLE google_grants
    ADD calendars_read_at timestamptz,
    ADD calendars_version integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN google_grants.calendars_read_at IS
    'when Google last told which calendars there are; null: not yet, or it may not be asked, and only the primary one blocks';
COMMENT ON COLUMN google_grants.calendars_version IS 'moves on with each change of which calendars there are, and of which of them block';

-- By the user and not by the id of the grant, which is another one each time the user grants: whoever grants the same
-- account again keeps the choice.
CREATE TABLE calendars (
    id uuid CONSTRAINT calendars_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT calendars_grant_fkey REFERENCES google_grants (user_id) ON DELETE CASCADE,
    google_id text NOT NULL CONSTRAINT calendars_google_id_length CHECK (octet_length(google_id) BETWEEN 1 AND 1000),
    summary text NOT NULL CONSTRAINT calendars_summary_length CHECK (char_length(summary) <= 200),
    time_zone text CONSTRAINT calendars_time_zone_length CHECK (char_length(time_zone) BETWEEN 1 AND 100),
    access_role text NOT NULL CONSTRAINT calendars_access_role_known
        CHECK (access_role IN ('owner', 'writer', 'reader', 'free_busy_reader', 'other')),
    is_primary boolean NOT NULL,
    blocks boolean NOT NULL,
    unreadable_since timestamptz,
    CONSTRAINT calendars_google_id_key UNIQUE (user_id, google_id)
);
CREATE UNIQUE INDEX calendars_primary_key ON calendars (user_id) WHERE is_primary;
COMMENT ON TABLE calendars IS 'what is on the list of calendars of the Google account that granted';
COMMENT ON COLUMN calendars.summary IS 'what the user calls it; cut where it is longer';
COMMENT ON COLUMN calendars.time_zone IS 'null: it has none, or none that we know';
COMMENT ON COLUMN calendars.access_role IS 'what the user may do with it';
COMMENT ON COLUMN calendars.blocks IS 'whether what is in it is busy time of the tutor';
COMMENT ON COLUMN calendars.unreadable_since IS
    'since when it has been on the list, and Google has not told when it is busy; null: it does, or was not asked';

-- What Google says of a calendar is nobody's edit, and its name and id tell more of a private life than a trail has to.
SELECT audit_table('calendars', 'user', 'user_id', '{google_id,summary,time_zone,access_role,unreadable_since}');
";

const DOWN: &str = r"
DROP TABLE calendars;
ALTER TABLE google_grants DROP calendars_version, DROP calendars_read_at;
";

/// As of migration 30, but for `{more}`.
const AUDIT_GRANTS: &str = r"
DROP TRIGGER audit_insert ON google_grants;
DROP TRIGGER audit_update ON google_grants;
DROP TRIGGER audit_delete ON google_grants;
DROP TRIGGER audit_truncate ON google_grants;
SELECT audit_table('google_grants', 'user', 'user_id',
    '{refresh_token,refresh_token_key_id,failing_since,busy_read_at,busy_attempted_at{more}}');
";
