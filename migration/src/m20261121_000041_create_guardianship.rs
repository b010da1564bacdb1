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
CREATE TABLE guardianships (
    guardian_id uuid NOT NULL CONSTRAINT guardianships_guardian_fkey REFERENCES users (id) ON DELETE CASCADE,
    student_id uuid NOT NULL CONSTRAINT guardianships_student_fkey REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    CONSTRAINT guardianships_pkey PRIMARY KEY (guardian_id, student_id),
    CONSTRAINT guardianships_two_people CHECK (guardian_id <> student_id)
);
CREATE INDEX guardianships_student_idx ON guardianships (student_id);

-- Whom guardians act for is part of who they are.
CREATE FUNCTION guardianship_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_revision(ARRAY[OLD.guardian_id, NEW.guardian_id], false);
    RETURN NULL;
END $$;
CREATE TRIGGER guardianships_moves_revision AFTER INSERT OR UPDATE OR DELETE ON guardianships
    FOR EACH ROW EXECUTE FUNCTION guardianship_changed();
CREATE TRIGGER guardianships_truncate_moves_revision AFTER TRUNCATE ON guardianships
    FOR EACH STATEMENT EXECUTE FUNCTION all_changed();

SELECT audit_table('guardianships', 'user', 'student_id', '{}');
";

const DOWN: &str = r"
DROP TABLE guardianships;
DROP FUNCTION guardianship_changed;
";
