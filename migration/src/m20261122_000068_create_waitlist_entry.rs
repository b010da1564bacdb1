use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for sql in [TABLE, SEATS, OFFERS, JOBS, ROOM] {
            connection.execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(DOWN).await?;
        Ok(())
    }
}

const TABLE: &str = r"
CREATE SEQUENCE waitlist_places AS bigint;
CREATE TABLE waitlist_entries (
    id uuid CONSTRAINT waitlist_entries_pkey PRIMARY KEY,
    student_id uuid NOT NULL CONSTRAINT waitlist_entries_student_fkey REFERENCES users (id),
    lesson_id uuid CONSTRAINT waitlist_entries_lesson_fkey REFERENCES lessons (id) ON DELETE CASCADE,
    subject_id uuid,
    level text,
    tutor_id uuid CONSTRAINT waitlist_entries_tutor_fkey REFERENCES tutors (id),
    minutes smallint CONSTRAINT waitlist_entries_minutes_range CHECK (minutes BETWEEN 5 AND 480),
    window_starts timestamptz[],
    window_ends timestamptz[],
    ends_at timestamptz,
    place bigint NOT NULL DEFAULT nextval('waitlist_places'),
    status text NOT NULL DEFAULT 'waiting' CONSTRAINT waitlist_entries_status_known
        CHECK (status IN ('waiting', 'offered', 'accepted', 'left', 'lapsed', 'over')),
    booking_id uuid CONSTRAINT waitlist_entries_booking_fkey REFERENCES bookings (id) ON DELETE SET NULL,
    turned_down smallint NOT NULL DEFAULT 0,
    rests_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT waitlist_entries_subject_level_fkey FOREIGN KEY (subject_id, level)
        REFERENCES subject_levels (subject_id, level) ON DELETE CASCADE,
    CONSTRAINT waitlist_entries_lesson_or_wish CHECK (
        CASE WHEN lesson_id IS NOT NULL
        THEN num_nonnulls(subject_id, level, tutor_id, minutes, window_starts, window_ends, ends_at) = 0
        ELSE num_nulls(subject_id, level, minutes, window_starts, window_ends, ends_at) = 0 END),
    CONSTRAINT waitlist_entries_windows_count CHECK (
        cardinality(window_starts) BETWEEN 1 AND 20 AND cardinality(window_starts) = cardinality(window_ends)),
    CONSTRAINT waitlist_entries_offered_what CHECK (status <> 'offered' OR booking_id IS NOT NULL)
);
COMMENT ON TABLE waitlist_entries IS 'students who wait for a seat in a group lesson, or for a lesson at some time within windows';
COMMENT ON COLUMN waitlist_entries.lesson_id IS 'null: it is a wish, which the columns up to ends_at tell; they are null else';
COMMENT ON COLUMN waitlist_entries.tutor_id IS 'null: any who teaches it';
COMMENT ON COLUMN waitlist_entries.ends_at IS 'of the last window';
COMMENT ON COLUMN waitlist_entries.place IS 'in the order: the smaller comes first';
COMMENT ON COLUMN waitlist_entries.booking_id IS 'the hold that is offered, or the request or booking that was made of it';
COMMENT ON COLUMN waitlist_entries.turned_down IS 'how many offers the student or a guardian declined, or let lapse';
COMMENT ON COLUMN waitlist_entries.rests_until IS 'nothing is offered before, because an offer has just come to nothing';

-- Nobody waits twice for the same.
CREATE UNIQUE INDEX waitlist_entries_lesson_key ON waitlist_entries (lesson_id, student_id)
    WHERE status IN ('waiting', 'offered') AND lesson_id IS NOT NULL;
CREATE UNIQUE INDEX waitlist_entries_wish_key ON waitlist_entries
    (student_id, subject_id, level, minutes, coalesce(tutor_id, '00000000-0000-0000-0000-000000000000'))
    WHERE status IN ('waiting', 'offered') AND lesson_id IS NULL;
CREATE UNIQUE INDEX waitlist_entries_booking_key ON waitlist_entries (booking_id) WHERE booking_id IS NOT NULL;
-- In order, who waits for a seat, and for what; and those whose wish is for one tutor.
CREATE INDEX waitlist_entries_seat_order_idx ON waitlist_entries (lesson_id, place) WHERE status = 'waiting' AND lesson_id IS NOT NULL;
CREATE INDEX waitlist_entries_wish_order_idx ON waitlist_entries (subject_id, level, place) WHERE status = 'waiting' AND lesson_id IS NULL;
-- Those for whom time runs out, and those to be forgotten.
CREATE INDEX waitlist_entries_ends_at_idx ON waitlist_entries (ends_at) WHERE status = 'waiting' AND lesson_id IS NULL;
CREATE INDEX waitlist_entries_ended_idx ON waitlist_entries (updated_at) WHERE status NOT IN ('waiting', 'offered');
CREATE INDEX waitlist_entries_student_idx ON waitlist_entries (student_id, id);
CREATE INDEX waitlist_entries_lesson_idx ON waitlist_entries (lesson_id, id);
CREATE INDEX waitlist_entries_tutor_idx ON waitlist_entries (tutor_id) WHERE tutor_id IS NOT NULL;
CREATE INDEX waitlist_entries_subject_level_idx ON waitlist_entries (subject_id, level);
CREATE TRIGGER waitlist_entries_student_not_erased AFTER INSERT ON waitlist_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_erased('student_id');
SELECT audit_table('waitlist_entries', 'user', 'student_id', '{}');
";

/// A seat that is offered is held, and its lesson stands all the same: whoever lets go of it frees no time of the tutor.
const SEATS: &str = r"
ALTER TABLE lessons ADD CONSTRAINT lessons_group_stands CHECK (capacity = 1 OR status <> 'tentative');
";

/// What becomes of an entry when its offer is over, whoever ends it and how; an offer that was accepted of a tutor who wants
/// to be asked is not over until there is an answer, and nobody can wait for the same once more meanwhile. This is `scheduling::waitlist::after`; a
/// test compares them.
const OFFERS: &str = r"
CREATE FUNCTION waitlist_offer_ended() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.status = 'confirmed' THEN
        UPDATE waitlist_entries SET status = 'accepted', updated_at = NEW.updated_at
        WHERE booking_id = NEW.id AND status = 'offered';
    ELSIF OLD.status = 'held' AND NEW.status = 'expired' OR NEW.cancelled_by = NEW.student_id OR EXISTS (
        SELECT FROM guardianships WHERE guardian_id = NEW.cancelled_by AND student_id = NEW.student_id)
    THEN
        UPDATE waitlist_entries SET
            status = CASE WHEN turned_down < 2 THEN 'waiting' ELSE 'lapsed' END,
            turned_down = turned_down + 1, booking_id = NULL, place = nextval('waitlist_places'),
            rests_until = NEW.updated_at + (OLD.expires_at - OLD.created_at), updated_at = NEW.updated_at
        WHERE booking_id = NEW.id AND status = 'offered';
    ELSE
        -- It is none of the student's doing. The rest lets others be asked before.
        UPDATE waitlist_entries SET
            status = 'waiting', booking_id = NULL, rests_until = NEW.updated_at + interval '1 hour', updated_at = NEW.updated_at
        WHERE booking_id = NEW.id AND status = 'offered';
    END IF;
    RETURN NULL;
END $$;
-- For each row, and so before what looks once for those who wait.
CREATE TRIGGER bookings_ends_offer AFTER UPDATE ON bookings FOR EACH ROW
    WHEN (OLD.status IN ('held', 'requested') AND NEW.status NOT IN ('held', 'requested')) EXECUTE FUNCTION waitlist_offer_ended();
";

const JOBS: &str = r"
ALTER TABLE jobs ADD COLUMN progress bigint, ADD COLUMN in_background boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN jobs.progress IS 'from where on the next run goes on; null: from the first';
COMMENT ON COLUMN jobs.in_background IS 'it was asked for in case there is something to do, and comes after what there is';
";

/// Whoever gives room away, in whatever way, asks for it to be offered, on the same transaction; where somebody waits.
/// Whatever only takes room asks for nothing.
const ROOM: &str = r"
-- In the order of the sweep, so that two of them never wait for each other.
CREATE FUNCTION ask_for_offers(job_kind text, about uuid[], at timestamptz) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO jobs (id, kind, key, run_at, created_at)
    SELECT gen_random_uuid(), job_kind, key, at, at FROM (SELECT DISTINCT unnest(about)::text AS key) AS works ORDER BY key
    ON CONFLICT ON CONSTRAINT jobs_kind_key_key DO UPDATE
    SET revision = jobs.revision + 1, run_at = at, attempts = 0, failing_since = NULL, dead_at = NULL,
        progress = NULL, in_background = false;
$$;

CREATE FUNCTION offer_free_seats() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM ask_for_offers('offer_seats', array_agg(former.lesson_id), max(changed.updated_at))
    FROM former JOIN changed USING (id)
    WHERE former.occupies AND (NOT changed.occupies OR former.lesson_id <> changed.lesson_id)
      AND EXISTS (SELECT FROM waitlist_entries WHERE lesson_id = former.lesson_id AND status = 'waiting');
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_frees_seats AFTER UPDATE ON bookings REFERENCING OLD TABLE AS former NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION offer_free_seats();

CREATE FUNCTION offer_new_seats() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM ask_for_offers('offer_seats', array_agg(changed.id), max(changed.updated_at))
    FROM former JOIN changed USING (id)
    WHERE changed.capacity > former.capacity
      AND EXISTS (SELECT FROM waitlist_entries WHERE lesson_id = changed.id AND status = 'waiting');
    RETURN NULL;
END $$;
CREATE TRIGGER lessons_adds_seats AFTER UPDATE ON lessons REFERENCING OLD TABLE AS former NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION offer_new_seats();

CREATE FUNCTION offer_free_time() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM ask_for_offers('offer_time', array_agg(former.tutor_id), max(changed.updated_at))
    FROM former JOIN changed USING (id)
    WHERE former.status <> 'cancelled' AND (changed.status = 'cancelled'
        OR (former.tutor_id, former.starts_at, former.ends_at) <> (changed.tutor_id, changed.starts_at, changed.ends_at))
      AND EXISTS (
        SELECT FROM offers JOIN waitlist_entries AS waiting USING (subject_id, level)
        WHERE offers.tutor_id = former.tutor_id AND waiting.status = 'waiting' AND waiting.lesson_id IS NULL
          AND coalesce(waiting.tutor_id, former.tutor_id) = former.tutor_id);
    RETURN NULL;
END $$;
CREATE TRIGGER lessons_frees_time AFTER UPDATE ON lessons REFERENCING OLD TABLE AS former NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION offer_free_time();

CREATE FUNCTION end_waiting_for_lesson() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE waitlist_entries SET status = 'over', updated_at = NEW.updated_at
    WHERE lesson_id = NEW.id AND status IN ('waiting', 'offered');
    RETURN NULL;
END $$;
CREATE TRIGGER lessons_ends_waiting AFTER UPDATE ON lessons FOR EACH ROW
    WHEN (NEW.capacity > 1 AND NEW.status = 'cancelled' AND OLD.status <> 'cancelled')
    EXECUTE FUNCTION end_waiting_for_lesson();
";

const DOWN: &str = r"
DROP TRIGGER lessons_ends_waiting ON lessons;
DROP TRIGGER lessons_frees_time ON lessons;
DROP TRIGGER lessons_adds_seats ON lessons;
DROP TRIGGER bookings_frees_seats ON bookings;
DROP TRIGGER bookings_ends_offer ON bookings;
DROP FUNCTION end_waiting_for_lesson, offer_free_time, offer_new_seats, offer_free_seats, ask_for_offers, waitlist_offer_ended;
DELETE FROM jobs WHERE kind IN ('offer_seats', 'offer_time');
ALTER TABLE lessons DROP CONSTRAINT lessons_group_stands;
ALTER TABLE jobs DROP COLUMN progress, DROP COLUMN in_background;
DROP TABLE waitlist_entries;
DROP SEQUENCE waitlist_places;
";
