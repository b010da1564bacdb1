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
CREATE TABLE credit_lots (
    id uuid CONSTRAINT credit_lots_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    student_id uuid NOT NULL CONSTRAINT credit_lots_student_fkey REFERENCES users (id),
    subject_id uuid NOT NULL CONSTRAINT credit_lots_subject_fkey REFERENCES subjects (id),
    remaining_minutes integer NOT NULL DEFAULT 0
        CONSTRAINT credit_lots_never_below_zero CHECK (remaining_minutes >= 0),
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT credit_lots_whose_key UNIQUE (id, student_id, subject_id)
);
CREATE INDEX credit_lots_student_idx ON credit_lots (student_id, subject_id, expires_at, id) WHERE remaining_minutes > 0;
CREATE INDEX credit_lots_subject_idx ON credit_lots (subject_id);
CREATE INDEX credit_lots_expires_at_idx ON credit_lots (expires_at) WHERE remaining_minutes > 0;
COMMENT ON TABLE credit_lots IS 'credit of a student that expires at one time, in minutes of lessons of a subject';
COMMENT ON COLUMN credit_lots.remaining_minutes IS 'the balance of credit_entries, which only they change';

CREATE TABLE credit_entries (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT credit_entries_pkey PRIMARY KEY,
    lot_id uuid NOT NULL,
    student_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    from_account text NOT NULL,
    to_account text NOT NULL,
    minutes integer NOT NULL CONSTRAINT credit_entries_minutes_positive CHECK (minutes > 0),
    booking_id uuid CONSTRAINT credit_entries_booking_fkey REFERENCES bookings (id),
    reason text CONSTRAINT credit_entries_reason_length CHECK (char_length(reason) BETWEEN 1 AND 500),
    created_at timestamptz NOT NULL,
    CONSTRAINT credit_entries_lot_fkey FOREIGN KEY (lot_id, student_id, subject_id)
        REFERENCES credit_lots (id, student_id, subject_id),
    CONSTRAINT credit_entries_accounts_known CHECK ((from_account, to_account) IN (
        ('issued', 'student'), ('student', 'used'), ('used', 'student'), ('student', 'expired'), ('student', 'withdrawn'))),
    CONSTRAINT credit_entries_use_is_for_booking CHECK (booking_id IS NOT NULL OR 'used' NOT IN (from_account, to_account))
);
CREATE INDEX credit_entries_student_idx ON credit_entries (student_id, id);
CREATE INDEX credit_entries_booking_idx ON credit_entries (booking_id) WHERE booking_id IS NOT NULL;
CREATE INDEX credit_entries_lot_idx ON credit_entries (lot_id);
COMMENT ON TABLE credit_entries IS
    'the ledger: each row takes from one account what it gives to another, so all accounts together are always zero';

-- The balance follows from the entries, and from nothing else.
CREATE FUNCTION enter_credit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE credit_lots SET remaining_minutes = remaining_minutes
        + CASE WHEN NEW.to_account = 'student' THEN NEW.minutes ELSE 0 END
        - CASE WHEN NEW.from_account = 'student' THEN NEW.minutes ELSE 0 END
    WHERE id = NEW.lot_id;
    RETURN NULL;
END $$;
CREATE TRIGGER credit_entries_move_balance AFTER INSERT ON credit_entries FOR EACH ROW EXECUTE FUNCTION enter_credit();

-- As of the audit trail, that binds every role but the one that owns the tables.
CREATE FUNCTION guard_credit_lots() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.remaining_minutes = 0 THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        -- Deeper than in this trigger: within that of an entry.
        IF pg_trigger_depth() > 1 AND to_jsonb(NEW) - 'remaining_minutes' = to_jsonb(OLD) - 'remaining_minutes' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'credit changes by entries only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER credit_lots_guard BEFORE INSERT OR UPDATE OR DELETE ON credit_lots
    FOR EACH ROW EXECUTE FUNCTION guard_credit_lots();
CREATE TRIGGER credit_lots_truncate_guard BEFORE TRUNCATE ON credit_lots
    FOR EACH STATEMENT EXECUTE FUNCTION guard_credit_lots();

-- A reason can be emptied, for the erasure of whom it is about.
CREATE FUNCTION guard_credit_entries() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.reason IS NULL AND to_jsonb(NEW) - 'reason' = to_jsonb(OLD) - 'reason' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER credit_entries_guard BEFORE UPDATE OR DELETE ON credit_entries
    FOR EACH ROW EXECUTE FUNCTION guard_credit_entries();
CREATE TRIGGER credit_entries_truncate_guard BEFORE TRUNCATE ON credit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION guard_credit_entries();
SELECT audit_table('credit_entries', 'user', 'student_id', '{}');

ALTER TABLE bookings ADD paid_credit_minutes integer NOT NULL DEFAULT 0
    CONSTRAINT bookings_paid_credit_range CHECK (paid_credit_minutes >= 0);
COMMENT ON COLUMN bookings.paid_credit_minutes IS 'what was taken from the credit of the student when it was booked; 0: it is not paid for by credit';

-- Gives back what a booking took. Where it expires sooner than `at_least` from now on it is good for that long instead;
-- where nothing is said, what has expired stays where it is. How many minutes.
CREATE FUNCTION give_credit_back(of_booking uuid, at timestamptz, at_least interval) RETURNS integer
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    paid record;
    lot uuid;
    given integer := 0;
BEGIN
    FOR paid IN
        SELECT lots.id, lots.student_id, lots.subject_id, lots.expires_at,
            sum(CASE WHEN to_account = 'used' THEN minutes ELSE -minutes END)::integer AS minutes
        FROM credit_entries JOIN credit_lots AS lots ON lots.id = lot_id
        WHERE booking_id = of_booking AND 'used' IN (from_account, to_account)
        GROUP BY lots.id HAVING sum(CASE WHEN to_account = 'used' THEN minutes ELSE -minutes END) > 0
        ORDER BY lots.expires_at, lots.id
    LOOP
        lot := paid.id;
        IF at_least IS NULL AND paid.expires_at <= at THEN
            CONTINUE;
        ELSIF paid.expires_at < at + at_least THEN
            INSERT INTO credit_lots (student_id, subject_id, expires_at, created_at)
            VALUES (paid.student_id, paid.subject_id, at + at_least, at) RETURNING id INTO lot;
        END IF;
        INSERT INTO credit_entries (lot_id, student_id, subject_id, from_account, to_account, minutes, booking_id, created_at)
        VALUES (lot, paid.student_id, paid.subject_id, 'used', 'student', paid.minutes, of_booking, at);
        given := given + paid.minutes;
    END LOOP;
    RETURN given;
END $$;

-- Whoever writes down that a request has expired gives back what paid for it.
CREATE FUNCTION booking_expired() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM give_credit_back(NEW.id, NEW.updated_at, interval '14 days');
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_expired_give_credit_back AFTER UPDATE OF status ON bookings FOR EACH ROW
    WHEN (NEW.status = 'expired' AND OLD.status <> 'expired' AND NEW.paid_credit_minutes > 0)
    EXECUTE FUNCTION booking_expired();
";

const DOWN: &str = r"
DROP TRIGGER bookings_expired_give_credit_back ON bookings;
ALTER TABLE bookings DROP paid_credit_minutes;
DROP TABLE credit_entries, credit_lots;
DROP FUNCTION booking_expired, give_credit_back, guard_credit_entries, guard_credit_lots, enter_credit;
";
