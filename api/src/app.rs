//! What every request and every job works with.

use crate::{
    breaker::Breaker,
    clock::Clock,
    config::{self, Config, GOOGLE},
    origin::{Actor, Origin},
    store::cache::Cache,
    turns::Turns,
};
use anyhow::Context;
use chrono::{DateTime, Utc};
use google::{AccessTokens, Calendar, Limits, ProviderConfig, SignIn};
use sea_orm::DatabaseConnection;
use std::sync::Arc;
use tokio::sync::{Mutex, Notify, Semaphore};
use url::Url;

/// For so many messages of Google's it is looked up at once whom they are for.
const MESSAGES_AT_ONCE: usize = 2;

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
    /// None where nobody can connect a calendar.
    pub google: Option<Google>,
    /// Where people sign in, Google first; none of them where nobody can.
    pub providers: Vec<Provider>,
    /// Wakes a worker of this instance after work was enqueued.
    pub work_enqueued: Notify,
    /// Waited for before it is looked up whom a message of Google's is for. Anybody may send one, and the database is for
    /// others too.
    pub messages: Semaphore,
}

/// Where people sign in.
pub struct Provider {
    /// Stable, for programs and in addresses.
    pub id: String,
    /// For people.
    pub name: String,
    pub sign_in: SignIn,
    issuer: Url,
}

/// Sign-in and Calendar of Google, or of whoever speaks like it.
pub struct Google {
    pub sign_in: SignIn,
    pub calendar: Calendar,
    pub access_tokens: AccessTokens,
    /// Of those who wait for it while they book.
    pub bookings: Breaker,
}

impl App {
    pub fn new(config: Config, db: DatabaseConnection, clock: Clock) -> anyhow::Result<Self> {
        let google = config
            .google
            .as_ref()
            .map(|settings| Google::new(settings, &config))
            .transpose()?;
        let providers = providers(&config, google.as_ref())?;
        Ok(Self(Arc::new(Inner {
            config,
            cache: Cache::new(&db, &clock),
            db,
            clock,
            turns: Turns::default(),
            readiness: Mutex::default(),
            google,
            providers,
            work_enqueued: Notify::new(),
            messages: Semaphore::new(MESSAGES_AT_ONCE),
        })))
    }

    /// What the audit trail says of who does what comes next.
    pub fn origin(&self, actor: Actor, operation: Option<Arc<str>>) -> Origin {
        let keep_days = self.config.centre.audit_days;
        Origin::new(actor, operation, keep_days, self.clock.clone())
    }

    pub fn provider(&self, id: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.id == id)
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Provider {
    /// The issuer, without the slash that parsing a bare host adds.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str().trim_end_matches('/')
    }

    pub fn is_google(&self) -> bool {
        self.id == GOOGLE
    }

    fn new(settings: &config::Provider, config: &Config) -> anyhow::Result<Self> {
        // One for each: that is how an answer of another provider is known (RFC 9700 section 4.4.2).
        let path = format!("v1/auth/callback/{}", settings.id);
        let client = ProviderConfig {
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            redirect_url: config
                .server
                .public_url
                .join(&path)
                .context("redirect URL")?,
        };
        Ok(Self {
            id: settings.id.clone(),
            name: settings.name.clone(),
            sign_in: sign_in(client, settings.limits)?,
            issuer: settings.issuer.clone(),
        })
    }
}

fn providers(config: &Config, google: Option<&Google>) -> anyhow::Result<Vec<Provider>> {
    let google = google
        .zip(config.google.as_ref())
        .map(|(google, settings)| Provider {
            id: GOOGLE.to_owned(),
            name: "Google".to_owned(),
            sign_in: google.sign_in.clone(),
            issuer: settings.issuer.clone(),
        });
    let others = config.sign_in.providers.iter();
    let others = others.map(|settings| Provider::new(settings, config));
    google.map(Ok).into_iter().chain(others).collect()
}

fn sign_in(client: ProviderConfig, limits: Limits) -> anyhow::Result<SignIn> {
    let http = google::http_client(USER_AGENT)?;
    Ok(SignIn::with_limits(client, http, limits))
}

impl Google {
    fn new(settings: &config::Google, config: &Config) -> anyhow::Result<Self> {
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
        let sign_in = sign_in(provider, settings.sign_in_limits)?;
        Ok(Self {
            calendar: Calendar::with_limits(
                &settings.calendar_url,
                USER_AGENT,
                settings.calendar_limits,
            )?,
            access_tokens: AccessTokens::new(sign_in.clone()),
            bookings: Breaker::default(),
            sign_in,
        })
    }
}

const USER_AGENT: &str = concat!("tutoring-scheduler/", env!("CARGO_PKG_VERSION"));
