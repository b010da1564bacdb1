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
ALTER TABLE users ADD COLUMN erased_at timestamptz;
COMMENT ON COLUMN users.erased_at IS 'since when nothing of the person is left but that somebody was there';

-- For what a request that began before an erasure would still write of the person: it waits for the erasure, which locks
-- the user, and is told to run again, so that it learns that there is no such person.
CREATE FUNCTION refuse_erased() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM users WHERE id = (to_jsonb(NEW) ->> TG_ARGV[0])::uuid AND erased_at IS NULL FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this user is erased' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_student_not_erased AFTER INSERT ON bookings
    FOR EACH ROW EXECUTE FUNCTION refuse_erased('student_id');
CREATE TRIGGER google_grants_user_not_erased AFTER INSERT ON google_grants
    FOR EACH ROW EXECUTE FUNCTION refuse_erased('user_id');
CREATE TRIGGER guardianships_guardian_not_erased AFTER INSERT ON guardianships
    FOR EACH ROW EXECUTE FUNCTION refuse_erased('guardian_id');
CREATE TRIGGER guardianships_student_not_erased AFTER INSERT ON guardianships
    FOR EACH ROW EXECUTE FUNCTION refuse_erased('student_id');
CREATE TRIGGER identities_user_not_erased AFTER INSERT ON identities
    FOR EACH ROW EXECUTE FUNCTION refuse_erased('user_id');
CREATE TRIGGER invitations_invited_by_not_erased AFTER INSERT ON invitations
    FOR EACH ROW EXECUTE FUNCTION refuse_erased('invited_by');
CREATE TRIGGER invitations_other_not_erased AFTER INSERT ON invitations
    FOR EACH ROW WHEN (NEW.other_id IS NOT NULL) EXECUTE FUNCTION refuse_erased('other_id');
CREATE TRIGGER sessions_user_not_erased AFTER INSERT ON sessions
    FOR EACH ROW EXECUTE FUNCTION refuse_erased('user_id');
CREATE TRIGGER user_roles_user_not_erased AFTER INSERT ON user_roles
    FOR EACH ROW EXECUTE FUNCTION refuse_erased('user_id');

-- At the end of the erasure of a person, so that it takes along what the triggers wrote of the erasure itself: what was
-- recorded of them, of the texts that they wrote and of the invitations that are gone, and from where they acted. What
-- they did to others stays. The number of entries that were emptied.
DROP FUNCTION forget_person_in_audit(uuid);
CREATE FUNCTION forget_person_in_audit(person uuid, invitations uuid[] DEFAULT '{}') RETURNS bigint
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    own uuid[] := ARRAY(
        SELECT person UNION SELECT unnest(invitations)
        UNION SELECT id FROM tutors WHERE user_id = person UNION SELECT id FROM bookings WHERE student_id = person
        UNION SELECT bookings.id FROM bookings JOIN lessons ON lessons.id = lesson_id JOIN tutors ON tutors.id = tutor_id
        WHERE user_id = person);
    cancelled uuid[] := ARRAY(SELECT id FROM bookings WHERE cancelled_by = person AND id <> ALL(own));
    emptied bigint;
BEGIN
    PERFORM set_config('audit.forgetting', 'on', true);
    WITH entries AS (
        SELECT id, subject_id = ANY(own) OR subject_id = ANY(cancelled) AND (
            before @? '$[*].cancellation_reason' OR after @? '$[*].cancellation_reason') AS is_own
        FROM audit_entries
        WHERE id IN (
            SELECT id FROM audit_entries WHERE actor_id = person
            UNION SELECT id FROM audit_entries WHERE subject_id = ANY(own) OR subject_id = ANY(cancelled)))
    UPDATE audit_entries SET
        before = CASE WHEN is_own THEN NULL ELSE before END,
        after = CASE WHEN is_own THEN NULL ELSE after END,
        -- Where it is not known who acted, somebody was about to sign in or up: the person.
        address = CASE WHEN actor_id <> person THEN address END
    FROM entries WHERE entries.id = audit_entries.id AND (is_own OR actor_id = person);
    GET DIAGNOSTICS emptied = ROW_COUNT;
    PERFORM set_config('audit.forgetting', 'off', true);
    RETURN emptied;
END $$;
";

const DOWN: &str = r"
DROP FUNCTION refuse_erased CASCADE;
DROP FUNCTION forget_person_in_audit(uuid, uuid[]);
CREATE FUNCTION forget_person_in_audit(person uuid) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    own uuid[] := ARRAY(
        SELECT person UNION SELECT id FROM tutors WHERE user_id = person UNION SELECT id FROM bookings WHERE student_id = person
        UNION SELECT bookings.id FROM bookings JOIN lessons ON lessons.id = lesson_id JOIN tutors ON tutors.id = tutor_id
        WHERE user_id = person);
    emptied bigint;
BEGIN
    PERFORM set_config('audit.forgetting', 'on', true);
    WITH entries AS (
        SELECT id FROM audit_entries WHERE actor_id = person UNION SELECT id FROM audit_entries WHERE subject_id = ANY(own))
    UPDATE audit_entries SET
        before = CASE WHEN subject_id = ANY(own) THEN NULL ELSE before END,
        after = CASE WHEN subject_id = ANY(own) THEN NULL ELSE after END,
        address = CASE WHEN actor_id <> person THEN address END
    FROM entries WHERE entries.id = audit_entries.id;
    GET DIAGNOSTICS emptied = ROW_COUNT;
    PERFORM set_config('audit.forgetting', 'off', true);
    RETURN emptied;
END $$;
ALTER TABLE users DROP COLUMN erased_at;
";
