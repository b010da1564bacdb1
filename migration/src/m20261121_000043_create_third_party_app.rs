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
CREATE TABLE third_party_apps (
    id uuid CONSTRAINT third_party_apps_pkey PRIMARY KEY,
    name text NOT NULL CONSTRAINT third_party_apps_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    enabled boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE app_keys (
    id uuid CONSTRAINT app_keys_pkey PRIMARY KEY,
    app_id uuid NOT NULL CONSTRAINT app_keys_app_fkey REFERENCES third_party_apps (id) ON DELETE CASCADE,
    secret_hash bytea NOT NULL CONSTRAINT app_keys_secret_hash_length CHECK (octet_length(secret_hash) = 32),
    scopes text[] NOT NULL CONSTRAINT app_keys_scopes_count CHECK (cardinality(scopes) BETWEEN 1 AND 20),
    tutor_ids uuid[] CONSTRAINT app_keys_tutor_ids_count CHECK (cardinality(tutor_ids) BETWEEN 1 AND 1000),
    subjects text[] CONSTRAINT app_keys_subjects_count CHECK (cardinality(subjects) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz
);
COMMENT ON COLUMN app_keys.secret_hash IS 'SHA-256 of the secret half, which is 32 random bytes';
COMMENT ON COLUMN app_keys.tutor_ids IS 'to which tutors the key is limited; null: to none';
COMMENT ON COLUMN app_keys.subjects IS 'slugs of the subjects to which the key is limited; null: to none';
CREATE INDEX app_keys_app_idx ON app_keys (app_id, id);

CREATE FUNCTION app_key_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_revision(ARRAY[OLD.id, NEW.id], false);
    RETURN NULL;
END $$;
CREATE TRIGGER app_keys_moves_revision AFTER INSERT OR DELETE
    OR UPDATE OF id, app_id, secret_hash, scopes, tutor_ids, subjects, expires_at, revoked_at ON app_keys
    FOR EACH ROW EXECUTE FUNCTION app_key_changed();
CREATE TRIGGER app_keys_truncate_moves_revision AFTER TRUNCATE ON app_keys
    FOR EACH STATEMENT EXECUTE FUNCTION all_changed();

CREATE FUNCTION third_party_app_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_revision(ARRAY(SELECT id FROM app_keys WHERE app_id = NEW.id), false);
    RETURN NULL;
END $$;
CREATE TRIGGER third_party_apps_moves_revision AFTER UPDATE ON third_party_apps
    FOR EACH ROW EXECUTE FUNCTION third_party_app_changed();

SELECT audit_table('third_party_apps', 'third_party_app', 'id', '{}');
SELECT audit_table('app_keys', 'third_party_app', 'app_id', '{secret_hash,last_used_at}');
";

const DOWN: &str = r"
DROP TABLE app_keys;
DROP TABLE third_party_apps;
DROP FUNCTION app_key_changed, third_party_app_changed;
";
