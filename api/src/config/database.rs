//! PostgreSQL.

use super::{Mistakes, Vars};
use secrecy::SecretString;

#[derive(Clone, Debug)]
pub struct Database {
    pub url: SecretString,
    /// Connections of this instance at most.
    pub max_connections: u32,
    /// Whether `serve` brings the schema up to date before it listens.
    pub migrate_on_start: bool,
}

impl Database {
    /// Reads the settings of the database and no others.
    pub fn load_alone(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Mistakes> {
        let mut vars = Vars::new(lookup);
        let database = Self::load(&mut vars);
        vars.finish(database)
    }

    /// `DATABASE_URL`: `postgres://user:password@host/database`; with Cloud SQL's socket
    /// `postgres://user:password@localhost/database?host=/cloudsql/PROJECT:REGION:INSTANCE`. Required.
    /// `DATABASE_MAX_CONNECTIONS`: per instance; 10 when not set. Instances times this must stay below the server's limit.
    /// `MIGRATE_ON_START`: `true` makes `serve` migrate first; otherwise run `migrate` before a new version starts.
    pub fn load(vars: &mut Vars<'_>) -> Self {
        let url = vars.required("DATABASE_URL", "postgres://user:password@host/database");
        let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        if !url.is_empty() && !is_postgres {
            vars.mistake("DATABASE_URL", "must begin with postgres://");
        } else if url.contains("@/") {
            vars.mistake(
                "DATABASE_URL",
                "needs a host: write @localhost/ before ?host=/cloudsql/…",
            );
        }
        Self {
            url: url.into(),
            max_connections: vars.number("DATABASE_MAX_CONNECTIONS", 10, 1..=500),
            migrate_on_start: vars.parsed("MIGRATE_ON_START", false, "true or false"),
        }
    }
}
