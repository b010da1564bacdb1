//! Every setting, read from the environment at start. One small file per concern, each documents its
//! variables where it reads them. All mistakes are reported together.

mod centre;
mod database;
mod google;
mod jobs;
mod rate_limit;
mod server;
mod sign_in;
mod vars;

pub use centre::{AUDIT_DAYS, Centre};
pub use database::Database;
pub use google::{Google, PUSH_PATH, at_push_path};
pub use jobs::Jobs;
pub use rate_limit::{Budgets, RateLimits, SharedBudgets};
pub use server::{Server, at};
#[cfg(feature = "local")]
pub(crate) use server::{cors_origins, max_connections, metrics_bind, redirect_uris};
pub use sign_in::{GOOGLE, Provider, SignIn};
pub use vars::{Mistakes, Vars};

use crate::seal::Keyring;

/// What the server needs to know to run.
#[derive(Clone, Debug)]
pub struct Config {
    pub server: Server,
    pub database: Database,
    /// None: nobody can connect a calendar, nor sign in with Google.
    pub google: Option<Google>,
    /// Where there is no provider either, nobody can sign in, and the sign-in page says what to set.
    pub sign_in: SignIn,
    pub keys: Keyring,
    pub centre: Centre,
    pub jobs: Jobs,
    pub rate_limits: RateLimits,
}

/// What is set only where the server is meant to serve people. Present, even if empty, each of them
/// keeps the server out of the local mode. Cloud Run sets `K_SERVICE`.
#[cfg(feature = "local")]
const PRODUCTION: [&str; 9] = [
    "DATABASE_URL",
    "ENCRYPTION_KEYS",
    "GOOGLE_CALENDAR_URL",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
    "K_SERVICE",
    "OIDC_ISSUER",
    "PUBLIC_URL",
    "SIGN_IN",
];

/// How the environment asks the server to start.
#[derive(Debug)]
pub enum Mode {
    /// Everything is given.
    Production(Box<Config>),
    /// Nothing is given: the server brings its own Postgres and a stand-in for Google.
    #[cfg(feature = "local")]
    Local(Box<crate::local::Settings>),
}

impl Config {
    /// Reads and checks all settings.
    ///
    /// The local mode is entered only when nothing speaks for production: none of the variables that
    /// only production needs, and a loopback address to listen on.
    ///
    /// # Errors
    /// All mistakes, each with the name of its variable.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Mode, Mistakes> {
        let mut vars = Vars::new(lookup);
        let bind = server::bind(&mut vars);
        #[cfg(feature = "local")]
        if PRODUCTION.iter().all(|name| lookup(name).is_none()) && bind.ip().is_loopback() {
            let settings = crate::local::Settings::load(&mut vars, bind);
            return vars.finish(Mode::Local(Box::new(settings)));
        }
        let server = Server::load(&mut vars, bind);
        let database = Database::load(&mut vars);
        let (google, sign_in) = providers(&mut vars, &server);
        let keys = keys(&mut vars, google.is_some() || !sign_in.providers.is_empty());
        let centre = Centre::load(&mut vars);
        let jobs = Jobs::load(&mut vars);
        let rate_limits = RateLimits::load(&mut vars);
        vars.finish(()).map(|()| {
            Mode::Production(Box::new(Config {
                server,
                database,
                google,
                sign_in,
                keys,
                centre,
                jobs,
                rate_limits,
            }))
        })
    }
}

/// `SIGN_IN`: `off` starts the server without a way to sign in, whatever else is set; `google` insists on Google.
fn providers(vars: &mut Vars<'_>, server: &Server) -> (Option<Google>, SignIn) {
    let needs_google = match vars.text("SIGN_IN").as_deref() {
        None => false,
        Some("google") => true,
        Some("off") => return (None, SignIn::default()),
        Some(_) => {
            vars.mistake("SIGN_IN", "must be google or off");
            false
        }
    };
    let sign_in = SignIn::load(vars);
    let is_optional = !needs_google && vars.text("OIDC_PROVIDERS").is_some();
    let google = Google::load(vars, &server.public_url, is_optional);
    sign_in.check_issuers(vars, google.as_ref());
    (google, sign_in)
}

/// `ENCRYPTION_KEYS`: `id:base64 of 32 random bytes`, several separated by commas, the newest first.
/// The first seals; all of them open. Required wherever people can sign in. To rotate, put a new key in
/// front and keep the old ones.
fn keys(vars: &mut Vars<'_>, required: bool) -> Keyring {
    let fallback = || {
        Keyring::generate()
            .parse()
            .unwrap_or_else(|_| unreachable!("a generated key is valid"))
    };
    let Some(text) = vars.text("ENCRYPTION_KEYS") else {
        if required {
            let what = "is missing: give id:base64 of 32 random bytes, such as 1:$(openssl rand -base64 32)";
            vars.mistake("ENCRYPTION_KEYS", what);
        }
        return fallback();
    };
    text.parse().unwrap_or_else(|error: anyhow::Error| {
        vars.mistake("ENCRYPTION_KEYS", &format!("is of no use: {error}"));
        fallback()
    })
}
