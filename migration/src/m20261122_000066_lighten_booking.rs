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
-- The lesson of one student is made with its booking, before anybody has asked for an event that the booking could change.
CREATE OR REPLACE FUNCTION invited_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF is_invited(NEW.status) THEN
            UPDATE lessons SET calendar_revision = calendar_revision + 1
            WHERE id = NEW.lesson_id
                AND (capacity > 1 OR calendar_event_id IS NOT NULL OR calendar_event_asked_at IS NOT NULL);
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' AND (OLD.lesson_id, OLD.student_id, is_invited(OLD.status))
        = (NEW.lesson_id, NEW.student_id, is_invited(NEW.status))
    THEN
        RETURN NULL;
    END IF;
    UPDATE lessons SET calendar_revision = calendar_revision + 1
    WHERE id = ANY(ARRAY[CASE WHEN is_invited(OLD.status) THEN OLD.lesson_id END,
        CASE WHEN is_invited(NEW.status) THEN NEW.lesson_id END]);
    RETURN NULL;
END $$;

-- As before, in one statement each.
CREATE FUNCTION lessons_inserted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO revisions AS moved (id, of_time)
    SELECT id, true FROM (
        SELECT tutor_id AS id FROM changed UNION SELECT user_id FROM changed JOIN tutors ON tutors.id = tutor_id
    ) AS people ORDER BY id
    ON CONFLICT ON CONSTRAINT revisions_pkey DO UPDATE SET revision = moved.revision + 1, changed_by = pg_current_xact_id();
    RETURN NULL;
END $$;
CREATE FUNCTION bookings_inserted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO revisions AS moved (id, of_time)
    SELECT id, true FROM (
        SELECT student_id AS id FROM changed UNION SELECT tutors.id FROM changed JOIN tutors ON user_id = student_id
    ) AS people ORDER BY id
    ON CONFLICT ON CONSTRAINT revisions_pkey DO UPDATE SET revision = moved.revision + 1, changed_by = pg_current_xact_id();
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER lessons_insert_moves_revision AFTER INSERT ON lessons
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION lessons_inserted();
CREATE OR REPLACE TRIGGER bookings_insert_moves_revision AFTER INSERT ON bookings
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION bookings_inserted();
";

const DOWN: &str = r"
CREATE OR REPLACE TRIGGER bookings_insert_moves_revision AFTER INSERT ON bookings
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION time_of_student_changed();
CREATE OR REPLACE TRIGGER lessons_insert_moves_revision AFTER INSERT ON lessons
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION time_of_tutor_changed();
DROP FUNCTION bookings_inserted, lessons_inserted;
CREATE OR REPLACE FUNCTION invited_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.lesson_id, OLD.student_id, is_invited(OLD.status))
        = (NEW.lesson_id, NEW.student_id, is_invited(NEW.status))
    THEN
        RETURN NULL;
    END IF;
    UPDATE lessons SET calendar_revision = calendar_revision + 1
    WHERE id = ANY(ARRAY[CASE WHEN is_invited(OLD.status) THEN OLD.lesson_id END,
        CASE WHEN is_invited(NEW.status) THEN NEW.lesson_id END]);
    RETURN NULL;
END $$;
";
