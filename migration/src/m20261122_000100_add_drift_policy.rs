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
ALTER TABLE centre
    ADD event_moved text NOT NULL DEFAULT 'reschedule'
        CONSTRAINT centre_event_moved_known CHECK (event_moved IN ('reschedule', 'put_back')),
    ADD event_deleted text NOT NULL DEFAULT 'cancel'
        CONSTRAINT centre_event_deleted_known CHECK (event_deleted IN ('cancel', 'put_back')),
    ADD event_deleted_grace_minutes integer NOT NULL DEFAULT 60
        CONSTRAINT centre_event_deleted_grace_range CHECK (event_deleted_grace_minutes BETWEEN 0 AND 1440),
    ADD event_declined text NOT NULL DEFAULT 'cancel'
        CONSTRAINT centre_event_declined_known CHECK (event_declined IN ('cancel', 'ask'));
COMMENT ON COLUMN centre.event_moved IS 'what becomes of a lesson whose event in Google was moved';
COMMENT ON COLUMN centre.event_deleted IS 'of one whose event was deleted';
COMMENT ON COLUMN centre.event_deleted_grace_minutes IS 'for how long that can be undone';
COMMENT ON COLUMN centre.event_declined IS 'of the place of a student who declined the invitation: cancelled where that is free, or always a question';
";

const DOWN: &str = r"
ALTER TABLE centre DROP event_moved, DROP event_deleted, DROP event_deleted_grace_minutes, DROP event_declined;
";
