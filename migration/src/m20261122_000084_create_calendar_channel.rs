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
-- The key of the grant stands first, and so is locked first, as by all who write grants and calendars.
CREATE TABLE calendar_channels (
    id uuid CONSTRAINT calendar_channels_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT calendar_channels_grant_fkey REFERENCES google_grants (user_id) ON DELETE CASCADE,
    calendar_id uuid CONSTRAINT calendar_channels_calendar_fkey REFERENCES calendars (id) ON DELETE SET NULL,
    address text NOT NULL CONSTRAINT calendar_channels_address_length CHECK (char_length(address) BETWEEN 1 AND 2000),
    token_hash bytea NOT NULL CONSTRAINT calendar_channels_token_hash_length CHECK (octet_length(token_hash) = 32),
    resource_id text CONSTRAINT calendar_channels_resource_id_length CHECK (octet_length(resource_id) BETWEEN 1 AND 1000),
    expires_at timestamptz,
    renew_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT calendar_channels_open_has_resource CHECK (expires_at IS NULL OR resource_id IS NOT NULL)
);
CREATE UNIQUE INDEX calendar_channels_asked_for_key ON calendar_channels (calendar_id) WHERE expires_at IS NULL;
CREATE INDEX calendar_channels_calendar_idx ON calendar_channels (calendar_id);
CREATE INDEX calendar_channels_user_idx ON calendar_channels (user_id);
COMMENT ON TABLE calendar_channels IS
    'channels by which Google tells that something in a calendar has changed, those too that it was only asked for';
COMMENT ON COLUMN calendar_channels.calendar_id IS 'null: it is no longer on the list, and the channel is to be stopped';
COMMENT ON COLUMN calendar_channels.address IS 'where Google tells it; channels to another address than the present one are of no use';
COMMENT ON COLUMN calendar_channels.token_hash IS 'SHA-256 of the token that comes with each message';
COMMENT ON COLUMN calendar_channels.resource_id IS 'what Google calls what is watched; null: not known yet';
COMMENT ON COLUMN calendar_channels.expires_at IS 'null: Google has not said that it is open';
COMMENT ON COLUMN calendar_channels.renew_at IS 'from when on another channel may be asked for of the same calendar';
";

const DOWN: &str = r"
DELETE FROM jobs WHERE kind = 'watch_calendars';
DROP TABLE calendar_channels;
";
