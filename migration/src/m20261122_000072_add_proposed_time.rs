use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(UP).await?;
        connection.execute_unprepared(AUDIT).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(DOWN).await?;
        Ok(())
    }
}

const UP: &str = r"
ALTER TABLE bookings
    ADD proposed_starts_at timestamptz,
    ADD proposed_ends_at timestamptz,
    ADD proposal_expires_at timestamptz,
    ADD CONSTRAINT bookings_proposal_whole
        CHECK (num_nonnulls(proposed_starts_at, proposed_ends_at, proposal_expires_at) IN (0, 3)),
    ADD CONSTRAINT bookings_proposal_start_before_end CHECK (proposed_starts_at < proposed_ends_at),
    ADD CONSTRAINT bookings_proposal_of_confirmed CHECK (proposed_starts_at IS NULL OR status = 'confirmed'),
    ADD reserved_for uuid CONSTRAINT bookings_reserved_for_fkey REFERENCES bookings (id) ON DELETE CASCADE,
    ADD CONSTRAINT bookings_reserved_is_no_booking CHECK (reserved_for IS NULL OR booked_at IS NULL);
COMMENT ON COLUMN bookings.proposed_starts_at IS 'the time that the student wants instead, and the tutor has yet to approve; as the next';
COMMENT ON COLUMN bookings.proposal_expires_at IS 'until when, and not then, the tutor may answer';
COMMENT ON COLUMN bookings.reserved_for IS
    'the booking for whose proposed time this one is set aside; what that time has in common with the lesson itself needs no such row';
CREATE INDEX bookings_reserved_for_idx ON bookings (reserved_for) WHERE reserved_for IS NOT NULL;
CREATE INDEX bookings_proposal_expires_at_idx ON bookings (proposal_expires_at) WHERE proposal_expires_at IS NOT NULL;

-- A proposal is about the lesson as it is: whoever moves it, ends it or hands it over ends the proposal as well.
CREATE FUNCTION booking_drops_proposal() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.proposed_starts_at := NULL;
    NEW.proposed_ends_at := NULL;
    NEW.proposal_expires_at := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER bookings_drop_proposal BEFORE UPDATE ON bookings FOR EACH ROW
    WHEN (OLD.proposed_starts_at IS NOT NULL AND (OLD.status, OLD.lesson_id, OLD.starts_at, OLD.ends_at)
        IS DISTINCT FROM (NEW.status, NEW.lesson_id, NEW.starts_at, NEW.ends_at))
    EXECUTE FUNCTION booking_drops_proposal();

-- What was set aside is free with the same statement. Not before it: it may be about these rows too.
CREATE FUNCTION proposal_ended() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    WITH gone AS (DELETE FROM bookings WHERE reserved_for = NEW.id RETURNING lesson_id)
    DELETE FROM lessons WHERE id IN (SELECT lesson_id FROM gone);
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_proposal_ended AFTER UPDATE ON bookings FOR EACH ROW
    WHEN (OLD.proposed_starts_at IS NOT NULL AND NEW.proposed_starts_at IS NULL)
    EXECUTE FUNCTION proposal_ended();
";

/// As `audit_table`, but not of what is set aside: the booking's own entries tell of it, and are found when its student
/// is forgotten, while these rows are gone by then.
const AUDIT: &str = r"
ALTER FUNCTION audit_group_lesson() RENAME TO audit_row;
DROP TRIGGER audit_insert ON bookings;
DROP TRIGGER audit_update ON bookings;
DROP TRIGGER audit_delete ON bookings;
CREATE TRIGGER audit_insert AFTER INSERT ON bookings FOR EACH ROW WHEN (NEW.reserved_for IS NULL)
    EXECUTE FUNCTION audit_row('booking', 'id', '{occupies,version,created_at,updated_at}', '{}');
CREATE TRIGGER audit_update AFTER UPDATE ON bookings FOR EACH ROW WHEN (NEW.reserved_for IS NULL)
    EXECUTE FUNCTION audit_update('booking', 'id', '{occupies,version,created_at,updated_at}', '{}');
CREATE TRIGGER audit_delete AFTER DELETE ON bookings FOR EACH ROW WHEN (OLD.reserved_for IS NULL)
    EXECUTE FUNCTION audit_row('booking', 'id', '{occupies,version,created_at,updated_at}', '{}');
";

const DOWN: &str = r"
DROP TRIGGER audit_insert ON bookings;
DROP TRIGGER audit_update ON bookings;
DROP TRIGGER audit_delete ON bookings;
DROP TRIGGER audit_truncate ON bookings;
SELECT audit_table('bookings', 'booking', 'id', '{occupies}');
ALTER FUNCTION audit_row() RENAME TO audit_group_lesson;
DROP TRIGGER bookings_proposal_ended ON bookings;
DROP TRIGGER bookings_drop_proposal ON bookings;
DROP FUNCTION proposal_ended, booking_drops_proposal;
WITH gone AS (DELETE FROM bookings WHERE reserved_for IS NOT NULL RETURNING lesson_id)
DELETE FROM lessons WHERE id IN (SELECT lesson_id FROM gone);
ALTER TABLE bookings DROP reserved_for, DROP proposal_expires_at, DROP proposed_ends_at, DROP proposed_starts_at;
";
