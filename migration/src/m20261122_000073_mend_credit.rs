use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(COLUMNS).await?;
        let give_back = GIVE_BACK.replace("{lock}", LOCK);
        connection.execute_unprepared(&give_back).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let give_back = GIVE_BACK.replace("{lock}", "");
        connection.execute_unprepared(&give_back).await?;
        let sql = "ALTER TABLE bookings DROP moved_at, DROP cancellation_charged_minutes";
        connection.execute_unprepared(sql).await?;
        Ok(())
    }
}

const COLUMNS: &str = r"
ALTER TABLE bookings
    ADD moved_at timestamptz,
    ADD cancellation_charged_minutes integer
        CONSTRAINT bookings_cancellation_charged_range CHECK (cancellation_charged_minutes >= 0);
COMMENT ON COLUMN bookings.moved_at IS 'when the tutor or the centre last moved it, confirmed, to another time; null: never';
COMMENT ON COLUMN bookings.cancellation_charged_minutes IS
    'as cancellation_credit_minutes, what the student is charged for outside of here; null also: that was not decided then';
";

/// In the order in which credit is taken.
const LOCK: &str = r"
    PERFORM FROM credit_lots WHERE student_id = (SELECT student_id FROM bookings WHERE id = of_booking)
        ORDER BY expires_at, id FOR UPDATE;";

/// As of migration 61, but for `{lock}`.
const GIVE_BACK: &str = r"
CREATE OR REPLACE FUNCTION give_credit_back(of_booking uuid, at timestamptz, at_least interval) RETURNS integer
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    paid record;
    lot uuid;
    given integer := 0;
BEGIN{lock}
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
";
