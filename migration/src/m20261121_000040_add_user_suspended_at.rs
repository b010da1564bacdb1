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
ALTER TABLE users
    ADD COLUMN suspended_at timestamptz,
    ADD COLUMN suspension_reason text
        CONSTRAINT users_suspension_reason_length CHECK (char_length(suspension_reason) BETWEEN 1 AND 500),
    ADD CONSTRAINT users_suspension_whole CHECK (suspension_reason IS NULL OR suspended_at IS NOT NULL);
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX users_name_email_trgm_idx ON users USING gin ((name || ' ' || email) gin_trgm_ops);
CREATE INDEX user_roles_role_idx ON user_roles (role, user_id);

-- Nobody finds a tutor who is suspended.
CREATE OR REPLACE FUNCTION user_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    is_or_was_suspended boolean := (OLD.suspended_at IS NULL) <> (NEW.suspended_at IS NULL);
BEGIN
    PERFORM move_revision(ARRAY[NEW.id], false);
    IF OLD.name <> NEW.name OR is_or_was_suspended THEN
        UPDATE tutors SET version = version + 1 WHERE user_id = NEW.id;
    END IF;
    IF is_or_was_suspended THEN
        PERFORM move_revision(ARRAY['ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid], false);
    END IF;
    RETURN NULL;
END $$;
";

const DOWN: &str = r"
CREATE OR REPLACE FUNCTION user_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_revision(ARRAY[NEW.id], false);
    IF OLD.name <> NEW.name THEN
        UPDATE tutors SET version = version + 1 WHERE user_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
DROP INDEX user_roles_role_idx;
DROP INDEX users_name_email_trgm_idx;
ALTER TABLE users DROP COLUMN suspended_at, DROP COLUMN suspension_reason;
";
