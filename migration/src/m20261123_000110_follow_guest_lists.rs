use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(UP).await?;
        let audit = AUDIT_LESSONS.replace("{more}", "calendar_event_guests,");
        connection.execute_unprepared(&audit).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(DOWN).await?;
        let audit = AUDIT_LESSONS.replace("{more}", "");
        connection.execute_unprepared(&audit).await?;
        Ok(())
    }
}

const UP: &str = r"
ALTER TABLE lessons ADD calendar_event_guests uuid[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN lessons.calendar_event_guests IS
    'the bookings whose students were among the guests when the tutor''s own event was last looked at: who is not any more was taken off the list';

ALTER TABLE calendar_drifts
    DROP CONSTRAINT calendar_drifts_kind_known,
    ADD CONSTRAINT calendar_drifts_kind_known CHECK (kind IN ('moved', 'deleted', 'declined', 'removed')),
    DROP CONSTRAINT calendar_drifts_booking_iff_declined,
    ADD CONSTRAINT calendar_drifts_booking_iff_of_guest CHECK (
        (booking_id IS NOT NULL) = (kind IN ('declined', 'removed')) AND (student_id IS NULL) = (booking_id IS NULL));
";

const DOWN: &str = r"
DELETE FROM calendar_drifts WHERE kind = 'removed';
ALTER TABLE calendar_drifts
    DROP CONSTRAINT calendar_drifts_booking_iff_of_guest,
    ADD CONSTRAINT calendar_drifts_booking_iff_declined CHECK (
        (booking_id IS NOT NULL) = (kind = 'declined') AND (student_id IS NULL) = (booking_id IS NULL)),
    DROP CONSTRAINT calendar_drifts_kind_known,
    ADD CONSTRAINT calendar_drifts_kind_known CHECK (kind IN ('moved', 'deleted', 'declined'));
ALTER TABLE lessons DROP calendar_event_guests;
";

/// As of migration 102, but for `{more}`.
const AUDIT_LESSONS: &str = r"
DO $$
DECLARE
    left_out text := '{calendar_event_id,calendar_event_calendar,calendar_event_attempt,calendar_event_asked_at,calendar_revision,calendar_event_revision,calendar_event_starts_at,calendar_event_ends_at,{more}meet_url,meet_pending_since,expires_at,version,created_at,updated_at}';
    event text;
BEGIN
    FOREACH event IN ARRAY ARRAY[
        'audit_insert AFTER INSERT ON lessons FOR EACH ROW WHEN (NEW.capacity > 1) EXECUTE FUNCTION audit_row',
        'audit_delete AFTER DELETE ON lessons FOR EACH ROW WHEN (OLD.capacity > 1) EXECUTE FUNCTION audit_row',
        'audit_update AFTER UPDATE ON lessons FOR EACH ROW WHEN (NEW.capacity > 1) EXECUTE FUNCTION audit_update',
        'audit_truncate AFTER TRUNCATE ON lessons FOR EACH STATEMENT EXECUTE FUNCTION audit_truncate'
    ] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER ' || event || '(%L, %L, %L, %L)', 'lesson', 'id', left_out, '{}');
    END LOOP;
END $$;
";
