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
ALTER TABLE centre ADD calendar_unknown_after_hours integer DEFAULT 24
    CONSTRAINT centre_calendar_unknown_after_range CHECK (calendar_unknown_after_hours BETWEEN 1 AND 8760);
COMMENT ON COLUMN centre.calendar_unknown_after_hours IS
    'a tutor whose busy time has not been read for so long is not offered; null: what was read last goes on to hold';

-- Until when what was last read of the busy time holds. Null: for ever, or there is nothing to read.
CREATE FUNCTION busy_known_until(granted google_grants, hours integer) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN granted.scopes @> ARRAY['https://www.googleapis.com/auth/calendar.freebusy']
        OR granted.scopes @> ARRAY['https://www.googleapis.com/auth/calendar.events.owned',
            'https://www.googleapis.com/auth/calendar.calendarlist.readonly']
    THEN coalesce(granted.busy_read_at, granted.connected_at) + make_interval(hours => hours) END;
$$;

-- What is kept in memory of a tutor says until when busy time is known, and is read anew then; so that it was read once more
-- in time need not be told. That it was read after a long pause must be: it may have been unknown meanwhile. The pause is
-- longer than any reading takes, and shorter than what makes busy time unknown.
CREATE FUNCTION grant_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_revision(ARRAY(SELECT id FROM tutors WHERE user_id IN (OLD.user_id, NEW.user_id)), false);
    RETURN NULL;
END $$;
CREATE TRIGGER google_grants_moves_revision AFTER INSERT OR DELETE ON google_grants
    FOR EACH ROW EXECUTE FUNCTION grant_changed();
CREATE TRIGGER google_grants_update_moves_revision AFTER UPDATE ON google_grants FOR EACH ROW
    WHEN ((OLD.user_id, OLD.scopes, OLD.connected_at) IS DISTINCT FROM (NEW.user_id, NEW.scopes, NEW.connected_at)
        OR (OLD.busy_read_at IS NULL) <> (NEW.busy_read_at IS NULL)
        OR NEW.busy_read_at NOT BETWEEN OLD.busy_read_at AND OLD.busy_read_at + interval '30 minutes')
    EXECUTE FUNCTION grant_changed();
CREATE TRIGGER google_grants_truncate_moves_revision AFTER TRUNCATE ON google_grants
    FOR EACH STATEMENT EXECUTE FUNCTION all_changed();
";

const DOWN: &str = r"
DROP FUNCTION grant_changed CASCADE;
DROP TRIGGER google_grants_truncate_moves_revision ON google_grants;
DROP FUNCTION busy_known_until;
ALTER TABLE centre DROP calendar_unknown_after_hours;
";
