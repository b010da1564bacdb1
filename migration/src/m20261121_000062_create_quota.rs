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
    ADD max_active_bookings integer CONSTRAINT centre_max_active_bookings_range CHECK (max_active_bookings BETWEEN 0 AND 1000),
    ADD weekly_minutes integer CONSTRAINT centre_weekly_minutes_range CHECK (weekly_minutes BETWEEN 0 AND 10080),
    ADD term_minutes integer CONSTRAINT centre_term_minutes_range CHECK (term_minutes BETWEEN 0 AND 527040);
COMMENT ON COLUMN centre.max_active_bookings IS 'how much a student may book, as the two that follow; null: any number';

CREATE TABLE terms (
    name text NOT NULL CONSTRAINT terms_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    first_date date CONSTRAINT terms_pkey PRIMARY KEY,
    last_date date NOT NULL,
    CONSTRAINT terms_dates_order CHECK (first_date <= last_date),
    CONSTRAINT terms_no_overlap EXCLUDE USING gist (daterange(first_date, last_date, '[]') WITH &&)
);
COMMENT ON TABLE terms IS 'whole days in the zone of the centre; edits raise centre.version';
SELECT audit_table('terms', 'centre', '', '{}');

CREATE TABLE student_quotas (
    student_id uuid CONSTRAINT student_quotas_pkey PRIMARY KEY
        CONSTRAINT student_quotas_student_fkey REFERENCES users (id) ON DELETE CASCADE,
    max_active_bookings integer
        CONSTRAINT student_quotas_max_active_bookings_range CHECK (max_active_bookings BETWEEN 0 AND 1000),
    weekly_minutes integer CONSTRAINT student_quotas_weekly_minutes_range CHECK (weekly_minutes BETWEEN 0 AND 10080),
    term_minutes integer CONSTRAINT student_quotas_term_minutes_range CHECK (term_minutes BETWEEN 0 AND 527040),
    version integer NOT NULL DEFAULT 2
);
COMMENT ON TABLE student_quotas IS 'of students who differ from the centre; null: as it has it';
SELECT audit_table('student_quotas', 'user', 'student_id', '{}');
CREATE TRIGGER student_quotas_student_not_erased AFTER INSERT ON student_quotas
    FOR EACH ROW EXECUTE FUNCTION refuse_erased('student_id');

-- Whether there is any is kept with the policy.
CREATE TRIGGER student_quotas_moves_centre AFTER INSERT OR DELETE ON student_quotas
    FOR EACH STATEMENT EXECUTE FUNCTION of_all_changed('00000000-0000-0000-0000-000000000000');
CREATE TRIGGER student_quotas_truncate_moves_revision AFTER TRUNCATE ON student_quotas
    FOR EACH STATEMENT EXECUTE FUNCTION all_changed();
";

const DOWN: &str = r"
DROP TABLE student_quotas, terms;
ALTER TABLE centre DROP max_active_bookings, DROP weekly_minutes, DROP term_minutes;
";
