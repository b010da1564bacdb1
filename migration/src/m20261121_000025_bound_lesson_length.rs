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
ALTER TABLE lessons ADD CONSTRAINT lessons_length CHECK (ends_at <= starts_at + interval '8 hours');
ALTER TABLE bookings ADD CONSTRAINT bookings_length CHECK (ends_at <= starts_at + interval '8 hours');
COMMENT ON CONSTRAINT lessons_length ON lessons IS 'lets a look-up by start find every lesson that is not over yet';
COMMENT ON CONSTRAINT bookings_length ON bookings IS 'as lessons_length';

CREATE INDEX lessons_tutor_span_idx ON lessons (tutor_id, starts_at) INCLUDE (ends_at, status);
DROP INDEX lessons_tutor_starts_at_idx;
CREATE INDEX bookings_student_span_idx ON bookings (student_id, starts_at, id) INCLUDE (ends_at, status);
DROP INDEX bookings_student_starts_at_idx;
";

const DOWN: &str = r"
CREATE INDEX bookings_student_starts_at_idx ON bookings (student_id, starts_at, id);
DROP INDEX bookings_student_span_idx;
CREATE INDEX lessons_tutor_starts_at_idx ON lessons (tutor_id, starts_at);
DROP INDEX lessons_tutor_span_idx;
ALTER TABLE bookings DROP CONSTRAINT bookings_length;
ALTER TABLE lessons DROP CONSTRAINT lessons_length;
";
