use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for sql in [ENTRIES, GUARD, WRITING, AUDIT_TABLE, FORGETTING, AUDITED] {
            connection.execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(DOWN).await?;
        Ok(())
    }
}

const ENTRIES: &str = r"
-- What the server tells of itself with set_config('audit.…', …, true) in each of its transactions. Whoever tells
-- nothing is an operator.
CREATE FUNCTION audit_origin(field text) RETURNS text LANGUAGE sql STABLE
    RETURN nullif(current_setting('audit.' || field, true), '');

CREATE TABLE audit_entries (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_entries_pkey PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT coalesce(audit_origin('at')::timestamptz, now()),
    actor_kind text NOT NULL DEFAULT coalesce(audit_origin('actor_kind'), 'operator')
        CONSTRAINT audit_entries_actor_kind_known CHECK (actor_kind IN ('person', 'key', 'job', 'operator')),
    actor_id uuid DEFAULT audit_origin('actor_id')::uuid
        CONSTRAINT audit_entries_actor_is_known CHECK (actor_id IS NULL OR actor_kind IN ('person', 'key')),
    operation text DEFAULT audit_origin('operation'),
    address inet DEFAULT audit_origin('address')::inet,
    request_id text DEFAULT audit_origin('request_id'),
    subject_kind text NOT NULL,
    subject_id uuid,
    table_name text NOT NULL,
    action text NOT NULL
        CONSTRAINT audit_entries_action_known CHECK (action IN ('insert', 'update', 'delete', 'truncate')),
    before jsonb CONSTRAINT audit_entries_before_is_list CHECK (jsonb_typeof(before) = 'array'),
    after jsonb CONSTRAINT audit_entries_after_is_list CHECK (jsonb_typeof(after) = 'array'),
    keep_until timestamptz NOT NULL DEFAULT coalesce(audit_origin('keep_until')::timestamptz, now() + interval '730 days')
);
COMMENT ON TABLE audit_entries IS 'who changed what; written by triggers, in the transaction that makes the change';
COMMENT ON COLUMN audit_entries.actor_id IS 'of a person, the user; none while they had not said yet who they are. Refers to nothing, so that it outlives whom it names';
COMMENT ON COLUMN audit_entries.operation IS 'operationId of the request, kind of the job, name of the command; none: by SQL';
COMMENT ON COLUMN audit_entries.subject_id IS 'none: there is but one, or all were truncated';
COMMENT ON COLUMN audit_entries.before IS 'of an update, what tells the row from others of the subject, and the columns that changed; of a delete, the rows. Never a secret';

-- Each in the order in which entries are listed, so that a page reads about as many rows as it shows.
CREATE INDEX audit_entries_at_idx ON audit_entries (at, id);
CREATE INDEX audit_entries_actor_idx ON audit_entries (actor_id, at, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_entries_subject_idx ON audit_entries (subject_id, at, id) WHERE subject_id IS NOT NULL;
CREATE INDEX audit_entries_subject_kind_idx ON audit_entries (subject_kind, at, id);
CREATE INDEX audit_entries_operation_idx ON audit_entries (operation, at, id) WHERE operation IS NOT NULL;
CREATE INDEX audit_entries_request_idx ON audit_entries (request_id, at, id) WHERE request_id IS NOT NULL;
CREATE INDEX audit_entries_keep_until_idx ON audit_entries (keep_until);
";

/// What holds for everybody whose role does not own the table: who owns it can drop triggers.
const GUARD: &str = r"
CREATE FUNCTION guard_audit_entries() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    forgettable text[] := ARRAY['before', 'after', 'address'];
BEGIN
    IF TG_OP = 'DELETE' THEN
        -- By the clock of the database, of which nobody can tell it another time.
        IF OLD.keep_until <= clock_timestamp() THEN
            RETURN OLD;
        END IF;
    ELSIF TG_OP = 'UPDATE' AND current_setting('audit.forgetting', true) = 'on' THEN
        -- Anybody may set that, so it allows no more than forget_person_in_audit does: emptying.
        IF to_jsonb(NEW) - forgettable = to_jsonb(OLD) - forgettable
            AND coalesce(NEW.before = OLD.before, NEW.before IS NULL)
            AND coalesce(NEW.after = OLD.after, NEW.after IS NULL)
            AND coalesce(NEW.address = OLD.address, NEW.address IS NULL)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_entries_guard BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION guard_audit_entries();
CREATE TRIGGER audit_entries_truncate_guard BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION guard_audit_entries();
";

/// What an entry says beside this is in the defaults of its columns. Trigger arguments: the kind of the subject, the
/// column of its id, the columns that are left out, and those that tell a row from others of the subject.
const WRITING: &str = r"
-- One entry for each subject whose rows a statement has inserted or deleted.
CREATE FUNCTION audit_rows() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT SET timezone = 'UTC' AS $$
BEGIN
    INSERT INTO audit_entries (subject_kind, subject_id, table_name, action, before, after)
    SELECT TG_ARGV[0], subject, TG_TABLE_NAME, lower(TG_OP),
        CASE WHEN TG_OP = 'DELETE' THEN rows END, CASE WHEN TG_OP = 'INSERT' THEN rows END
    FROM (
        SELECT (content ->> TG_ARGV[1])::uuid AS subject, jsonb_agg(jsonb_strip_nulls(content - TG_ARGV[2]::text[])) AS rows
        FROM changed, to_jsonb(changed) AS content
        GROUP BY 1
    ) AS subjects;
    RETURN NULL;
END $$;

CREATE FUNCTION audit_update() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT SET timezone = 'UTC' AS $$
DECLARE
    was jsonb := to_jsonb(OLD) - TG_ARGV[2]::text[];
    is_now jsonb := to_jsonb(NEW) - TG_ARGV[2]::text[];
    keys text[];
BEGIN
    IF was <> is_now THEN
        keys := ARRAY(SELECT key FROM jsonb_each(was) WHERE value <> is_now -> key) || TG_ARGV[3]::text[];
        INSERT INTO audit_entries (subject_kind, subject_id, table_name, action, before, after)
        VALUES (TG_ARGV[0], (is_now ->> TG_ARGV[1])::uuid, TG_TABLE_NAME, 'update',
            jsonb_build_array((SELECT jsonb_object_agg(key, value) FROM jsonb_each(was) WHERE key = ANY(keys))),
            jsonb_build_array((SELECT jsonb_object_agg(key, value) FROM jsonb_each(is_now) WHERE key = ANY(keys))));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION audit_truncate() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO audit_entries (subject_kind, table_name, action) VALUES (TG_ARGV[0], TG_TABLE_NAME, 'truncate');
    RETURN NULL;
END $$;
";

const AUDIT_TABLE: &str = r"
-- Records all changes of a table from now on, but for the columns that are left out. Those are the bookkeeping of the
-- server, and every secret; a column that is named like one must be among them.
CREATE FUNCTION audit_table(audited regclass, subject_kind text, subject_column text, left_out text[])
    RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    secret text := (SELECT min(attname) FROM pg_attribute
        WHERE attrelid = audited AND attnum > 0 AND NOT attisdropped
          AND attname ~ 'hash|token|secret' AND attname <> ALL(left_out));
    keys name[] := ARRAY(SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)
        WHERE indrelid = audited AND indisprimary AND attname <> subject_column ORDER BY attname);
    event text;
    arguments text;
BEGIN
    IF secret IS NOT NULL THEN
        RAISE EXCEPTION '% of % must not be recorded', secret, audited;
    END IF;
    arguments := format('(%L, %L, %L, %L)', subject_kind, subject_column,
        left_out || ARRAY['version', 'created_at', 'updated_at'], keys);
    FOREACH event IN ARRAY ARRAY[
        'audit_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION audit_rows%s',
        'audit_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION audit_rows%s',
        'audit_update AFTER UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION audit_update%s',
        'audit_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION audit_truncate%s'
    ] LOOP
        EXECUTE format('CREATE TRIGGER ' || event, audited, arguments);
    END LOOP;
END $$;
";

const FORGETTING: &str = r"
-- For the erasure of a person, before the rows are deleted that say what is theirs: what was recorded of them, and from
-- where they acted. What they did to others stays. The number of entries that were emptied.
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
";

const AUDITED: &str = r"
SELECT audit_table('users', 'user', 'id', '{}');
SELECT audit_table('user_roles', 'user', 'user_id', '{}');
SELECT audit_table('identities', 'user', 'user_id', '{last_sign_in_at}');
SELECT audit_table('sessions', 'user', 'user_id', '{token_hash,last_used_at}');
SELECT audit_table('google_grants', 'user', 'user_id',
    '{refresh_token,refresh_token_key_id,failing_since,busy_read_at,busy_attempted_at}');
SELECT audit_table('tutors', 'tutor', 'id', '{}');
SELECT audit_table('offers', 'tutor', 'tutor_id', '{}');
SELECT audit_table('weekly_rules', 'tutor', 'tutor_id', '{}');
SELECT audit_table('date_overrides', 'tutor', 'tutor_id', '{}');
SELECT audit_table('time_off', 'tutor', 'tutor_id', '{}');
SELECT audit_table('tutor_holiday_calendars', 'tutor', 'tutor_id', '{}');
SELECT audit_table('centre', 'centre', '', '{id}');
SELECT audit_table('subjects', 'subject', 'id', '{}');
SELECT audit_table('subject_levels', 'subject', 'subject_id', '{}');
SELECT audit_table('holiday_calendars', 'holiday_calendar', 'id', '{}');
SELECT audit_table('holidays', 'holiday_calendar', 'calendar_id', '{}');
SELECT audit_table('bookings', 'booking', 'id', '{}');
";

const DOWN: &str = r"
DROP FUNCTION audit_rows, audit_update, audit_truncate CASCADE;
DROP FUNCTION audit_table, forget_person_in_audit;
DROP TABLE audit_entries;
DROP FUNCTION guard_audit_entries, audit_origin;
";
