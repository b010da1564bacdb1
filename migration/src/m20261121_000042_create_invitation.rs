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
CREATE TABLE invitations (
    id uuid CONSTRAINT invitations_pkey PRIMARY KEY,
    role text NOT NULL CONSTRAINT invitations_role_known CHECK (role IN ('student', 'tutor', 'guardian', 'admin')),
    email text NOT NULL
        CONSTRAINT invitations_email_length CHECK (char_length(email) BETWEEN 3 AND 320)
        CONSTRAINT invitations_email_lowercase CHECK (email = lower(email)),
    invited_by uuid NOT NULL CONSTRAINT invitations_invited_by_fkey REFERENCES users (id) ON DELETE CASCADE,
    other_id uuid CONSTRAINT invitations_other_fkey REFERENCES users (id) ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'open'
        CONSTRAINT invitations_state_known CHECK (state IN ('open', 'accepted', 'declined', 'withdrawn')),
    answered_by uuid CONSTRAINT invitations_answered_by_fkey REFERENCES users (id) ON DELETE SET NULL,
    answered_at timestamptz,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT invitations_other_only_for_guardianship CHECK ((role IN ('student', 'guardian')) = (other_id IS NOT NULL)),
    CONSTRAINT invitations_answered_whole CHECK ((state = 'open') = (answered_at IS NULL))
);
COMMENT ON COLUMN invitations.other_id IS 'for a guardian, the student; for a student, the guardian';
CREATE UNIQUE INDEX invitations_open_key ON invitations (email, role, other_id) NULLS NOT DISTINCT WHERE state = 'open';
CREATE INDEX invitations_invited_by_idx ON invitations (invited_by, id);

SELECT audit_table('invitations', 'invitation', 'id', '{}');
";

const DOWN: &str = r"
DROP TABLE invitations;
";
