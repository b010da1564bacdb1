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

const UP: &str = r#"
CREATE TABLE cancellation_policies (
    id uuid CONSTRAINT cancellation_policies_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    tutor_id uuid CONSTRAINT cancellation_policies_tutor_fkey REFERENCES tutors (id) ON DELETE CASCADE,
    subject_id uuid CONSTRAINT cancellation_policies_subject_fkey REFERENCES subjects (id) ON DELETE CASCADE,
    windows jsonb CONSTRAINT cancellation_policies_windows_is_list CHECK (jsonb_typeof(windows) = 'array'),
    grace_minutes integer NOT NULL DEFAULT 0
        CONSTRAINT cancellation_policies_grace_range CHECK (grace_minutes BETWEEN 0 AND 10080),
    credit_days integer NOT NULL DEFAULT 180
        CONSTRAINT cancellation_policies_credit_range CHECK (credit_days BETWEEN 1 AND 3650),
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT cancellation_policies_of_key UNIQUE NULLS NOT DISTINCT (tutor_id, subject_id),
    CONSTRAINT cancellation_policies_of_one CHECK (num_nonnulls(tutor_id, subject_id) <= 1),
    CONSTRAINT cancellation_policies_of_centre_whole CHECK (windows IS NOT NULL OR num_nonnulls(tutor_id, subject_id) = 1)
);
CREATE INDEX cancellation_policies_subject_idx ON cancellation_policies (subject_id);
COMMENT ON TABLE cancellation_policies IS 'of the tutor, else of the subject, else of the centre, which has neither';
COMMENT ON COLUMN cancellation_policies.windows IS
    'the most lenient first: [{"minutes_before": 1440, "consequence": "free"}, …], after the last one it is charged; null: the more general policy holds';
COMMENT ON COLUMN cancellation_policies.version IS 'from 2 on of tutors and subjects, of whom 1 is that nothing was ever said';
COMMENT ON COLUMN cancellation_policies.credit_days IS 'for so long credit is good that a cancellation gives';
INSERT INTO cancellation_policies (windows) VALUES ('[{"minutes_before": 0, "consequence": "free"}]');
SELECT audit_table('cancellation_policies', 'centre', '', '{}');

ALTER TABLE bookings
    ADD cancellation_consequence text CONSTRAINT bookings_cancellation_consequence_known
        CHECK (cancellation_consequence IN ('free', 'credit', 'charged')),
    ADD cancellation_credit_minutes integer
        CONSTRAINT bookings_cancellation_credit_range CHECK (cancellation_credit_minutes >= 0),
    ADD CONSTRAINT bookings_cancellation_outcome_whole
        CHECK ((cancellation_consequence IS NULL) = (cancellation_credit_minutes IS NULL)),
    ADD CONSTRAINT bookings_cancellation_outcome_of_cancelled
        CHECK (cancellation_consequence IS NULL OR cancelled_at IS NOT NULL);
COMMENT ON COLUMN bookings.cancellation_consequence IS 'what cancelling meant for the student; null also of what was cancelled before that was decided';
"#;

const DOWN: &str = r"
ALTER TABLE bookings DROP cancellation_consequence, DROP cancellation_credit_minutes;
DROP TABLE cancellation_policies;
";
