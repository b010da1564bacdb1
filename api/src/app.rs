//! What every request and every job works with.

use crate::{
    clock::Clock,
    config::Config,
    origin::{Actor, Origin},
    store::cache::Cache,
    turns::Turns,
};
use anyhow::Context;
use chrono::{DateTime, Utc};
use google::{AccessTokens, Calendar, ProviderConfig, SignIn};
use sea_orm::DatabaseConnection;
use std::sync::Arc;
use tokio::sync::{Mutex, Notify};

/// Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

pub struct Inner {
    pub config: Config,
    pub db: DatabaseConnection,
    pub cache: Cache,
    pub clock: Clock,
    /// Waited for before a connection is taken for the time of a tutor and a student.
    pub turns: Turns,
    /// What was last found out about readiness, and when; none if it can do its work, else why not. For
    /// [`crate::service::health`].
    pub readiness: Mutex<Option<(DateTime<Utc>, Option<String>)>>,
    /// None where nobody can sign in.
    pub google: Option<Google>,
    /// Wakes a worker of this instance after work was enqueued.
    pub work_enqueued: Notify,
}

/// Sign-in and Calendar of Google, or of whoever speaks like it.
pub struct Google {
    pub sign_in: SignIn,
    pub calendar: Calendar,
    pub access_tokens: AccessTokens,
}

impl App {
    pub fn new(config: Config, db: DatabaseConnection, clock: Clock) -> anyhow::Result<Self> {
        let google = config
            .google
            .as_ref()
            .map(|settings| Google::new(settings, &config))
            .transpose()?;
        Ok(Self(Arc::new(Inner {
            config,
            cache: Cache::new(&db, &clock),
            db,
            clock,
            turns: Turns::default(),
            readiness: Mutex::default(),
            google,
            work_enqueued: Notify::new(),
        })))
    }

    /// What the audit trail says of who does what comes next.
    pub fn origin(&self, actor: Actor, operation: Option<Arc<str>>) -> Origin {
        let keep_days = self.config.centre.audit_days;
        Origin::new(actor, operation, keep_days, self.clock.clone())
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Google {
    fn new(settings: &crate::config::Google, config: &Config) -> anyhow::Result<Self> {
        let redirect_url = config
            .server
            .public_url
            .join("v1/auth/callback")
            .context("redirect URL")?;
        let provider = ProviderConfig {
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            redirect_url,
        };
        let sign_in = SignIn::with_limits(
            provider,
            google::http_client(USER_AGENT)?,
            settings.sign_in_limits,
        );
        Ok(Self {
            calendar: Calendar::with_limits(
                &settings.calendar_url,
                USER_AGENT,
                settings.calendar_limits,
            )?,
            access_tokens: AccessTokens::new(sign_in.clone()),
            sign_in,
        })
    }
}

const USER_AGENT: &str = concat!("tutoring-scheduler/", env!("CARGO_PKG_VERSION"));
