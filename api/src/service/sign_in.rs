//! Signing in at a provider, and two more things that are the same dance: asking a tutor for calendar access, and
//! linking another account to a user. RFC 6749, RFC 7636, RFC 9700 and OpenID Connect Core 1.0, done by the `google`
//! crate.

mod account;
pub mod code;
mod failure;
mod pending;
mod pushed;
mod return_path;

use super::{
    IdentityId, UserId,
    calendar_connection::{self, Grant},
    identity,
    session::{self, Holder},
};
use crate::{
    app::{App, Provider},
    config::GOOGLE,
    error::Error,
    origin::{self, Actor},
};
use chrono::TimeDelta;
use google::{Ask, AuthorizationResponse, Authorized};
use pending::{Answered, Pending, Purpose, Sealable, Task};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

pub use code::{Exchange, Redemption};
pub use failure::Failure;
pub use pushed::{Pushed, open, push, redeem_calendar, redeem_link};

/// How long a person may take at the provider.
pub const TIME_LIMIT: TimeDelta = TimeDelta::minutes(15);

/// Where to send the browser, and what it must carry.
#[derive(Serialize, Deserialize)]
pub struct Started {
    pub authorization_url: Url,
    /// Tells this attempt from others of the same browser. It comes back.
    pub state: String,
    pub sealed: String,
}

/// The provider of this name; or, where none is named, the only one. None: there are several to choose from.
///
/// # Errors
/// [`Error::Invalid`] where there is no provider of this name.
pub fn provider<'a>(app: &'a App, id: Option<&str>) -> Result<Option<&'a Provider>, Error> {
    match (id, app.providers.as_slice()) {
        (Some(id), _) => named(app, id).map(Some),
        (None, [only]) => Ok(Some(only)),
        (None, _) => Ok(None),
    }
}

fn named<'a>(app: &'a App, id: &str) -> Result<&'a Provider, Error> {
    app.provider(id).ok_or_else(|| {
        let detail = "must be the id of a provider; GET /v1/auth/providers lists them";
        Error::invalid("provider", "unknown_provider", detail)
    })
}

/// A path on this server, fit to be returned to.
///
/// # Errors
/// [`Error::Invalid`] for a path that leads elsewhere.
pub fn return_path(app: &App, path: &str) -> Result<String, Error> {
    return_path::return_path(&app.config.server.public_url, path)
}

/// Begins a sign-in that ends at the path `return_to`.
///
/// # Errors
/// [`Error::Invalid`] for a path that leads elsewhere; [`Error::Unavailable`] when the provider can't be used.
pub async fn start(app: &App, provider: &Provider, return_to: &str) -> Result<Started, Error> {
    begin(app, provider, Purpose::SignIn, Ask::SignIn, return_to).await
}

/// Begins a sign-in that ends at a frontend on another site, with a code for a session.
///
/// # Errors
/// [`Error::Unavailable`] when the provider can't be used.
pub async fn start_exchange(
    app: &App,
    provider: &Provider,
    exchange: Exchange,
) -> Result<Started, Error> {
    let purpose = Purpose::Exchange(exchange);
    begin(app, provider, purpose, Ask::SignIn, "/").await
}

/// To where the browser comes back with what somebody who is signed in has asked of a provider.
pub enum Back<'a> {
    /// To a path on this server, in the browser that holds the session.
    Path(&'a str),
    /// To a frontend on another site, which holds the session instead.
    Frontend(Exchange),
}

impl<'a> Back<'a> {
    /// The purpose, and the path.
    fn of(self, task: Task, holder: &Holder) -> (Purpose, &'a str) {
        let (user_id, session_id) = (holder.user_id, holder.session_id);
        match (self, task) {
            (Self::Frontend(exchange), _) => {
                (Purpose::Redeem(task, user_id, session_id, exchange), "/")
            }
            (Self::Path(path), Task::ConnectCalendar) => (Purpose::ConnectCalendar(user_id), path),
            (Self::Path(path), Task::LinkIdentity) => {
                (Purpose::LinkIdentity(user_id, session_id), path)
            }
        }
    }
}

/// Begins to ask a tutor for calendar access.
///
/// # Errors
/// As [`start`]; [`Error::Forbidden`] for who is no tutor; [`Error::Conflict`] where Google is not set up.
pub async fn start_calendar(app: &App, holder: &Holder, back: Back<'_>) -> Result<Started, Error> {
    if holder.tutor_id.is_none() {
        return Err(Error::Forbidden {
            code: "not_a_tutor",
            detail: "Only tutors connect a calendar.".into(),
        });
    }
    let Some(google) = app.provider(GOOGLE) else {
        let detail = "Calendars are Google's, and Google is not set up here.";
        return Err(Error::conflict("no_calendars", detail));
    };
    let ask = Ask::Calendar {
        login_hint: &holder.email,
    };
    let (purpose, return_to) = back.of(Task::ConnectCalendar, holder);
    begin(app, google, purpose, ask, return_to).await
}

/// Begins to link another account to the user.
///
/// # Errors
/// As [`start`], and [`Error::Invalid`] where there is no such provider.
pub async fn start_link(
    app: &App,
    holder: &Holder,
    provider_id: &str,
    back: Back<'_>,
) -> Result<Started, Error> {
    let provider = named(app, provider_id)?;
    let (purpose, return_to) = back.of(Task::LinkIdentity, holder);
    begin(app, provider, purpose, Ask::SignIn, return_to).await
}

async fn begin(
    app: &App,
    provider: &Provider,
    purpose: Purpose,
    ask: Ask<'_>,
    return_to: &str,
) -> Result<Started, Error> {
    let return_to = return_path(app, return_to)?;
    let request = provider.sign_in.authorization_request(ask).await;
    let request = request.map_err(Error::unavailable)?;
    let state = request.pending.state().to_owned();
    let pending = Pending {
        provider: provider.id.clone(),
        purpose,
        authorization: request.pending,
        return_to,
        expires_at: app.clock.now() + TIME_LIMIT,
    };
    Ok(Started {
        authorization_url: request.url,
        state,
        sealed: pending.seal(app)?,
    })
}

/// What a provider sent the browser back with.
#[derive(Clone, Serialize, Deserialize)]
pub struct Answer {
    /// Whose redirect URI it came to.
    pub provider: String,
    pub state: String,
    pub code: Option<String>,
    pub error: Option<String>,
    /// Who answers, if it says so (RFC 9207).
    pub issuer: Option<String>,
}

/// How an attempt ended.
#[derive(Debug)]
pub struct Finished {
    /// The path to go on to; of an exchange, nothing.
    pub return_to: String,
    /// The frontend to go on to, where one asked.
    pub exchange: Option<Exchange>,
    pub outcome: Result<Success, Failure>,
}

/// What an attempt came to.
#[derive(Debug)]
pub enum Success {
    /// A session began; this is its token.
    SignedIn(SecretString),
    CalendarConnected,
    /// A code for a session, or for what was asked.
    CodeIssued(SecretString),
    /// An account that the user has yet to confirm.
    IdentityFound(IdentityId),
}

/// Ends an attempt. `sealed` is what the browser carries of it, `holder` is who holds a session already. None: no such
/// attempt is under way in this browser.
pub async fn finish(
    app: &App,
    sealed: Option<&str>,
    answer: Answer,
    holder: Option<&Holder>,
    user_agent: Option<&str>,
) -> Option<Finished> {
    let pending = Pending::open(app, sealed?)?;
    if !pending.authorization.state_matches(&answer.state) {
        return None;
    }
    let outcome = conclude(app, &pending, &answer, holder, user_agent).await;
    Some(Finished {
        exchange: match pending.purpose {
            Purpose::Exchange(exchange) | Purpose::Redeem(.., exchange) => Some(exchange),
            _ => None,
        },
        return_to: pending.return_to,
        outcome,
    })
}

async fn conclude(
    app: &App,
    pending: &Pending,
    answer: &Answer,
    holder: Option<&Holder>,
    user_agent: Option<&str>,
) -> Result<Success, Failure> {
    // An answer at the redirect URI of another provider is a mix-up (RFC 9700 section 4.4).
    if pending.provider != answer.provider || pending.expires_at < app.clock.now() {
        return Err(Failure::Failed);
    }
    if let Purpose::Redeem(_, user_id, _, exchange) = &pending.purpose {
        authorization_code(answer)?;
        // Whoever has come back may have been sent by somebody else, so nothing is taken from them yet.
        let answered = Answered {
            pending: pending.clone(),
            answer: answer.clone(),
        };
        let sealed = answered.seal(app)?;
        let code = code::issue(app, *user_id, exchange, Some(&sealed)).await?;
        return Ok(Success::CodeIssued(code.ok_or(Failure::Suspended)?));
    }
    let (provider, authorized) = authorized(app, pending, answer).await?;
    match &pending.purpose {
        Purpose::Exchange(exchange) => {
            origin::act_as(Actor::Person(None));
            let user_id = account::user_of(app, provider, &authorized.identity).await?;
            let code = code::issue(app, user_id, exchange, None).await?;
            Ok(Success::CodeIssued(code.ok_or(Failure::Suspended)?))
        }
        Purpose::SignIn => {
            // Whoever signs in need not be who was signed in here before.
            origin::act_as(Actor::Person(None));
            let user_id = account::user_of(app, provider, &authorized.identity).await?;
            let token = session::begin(app, user_id, user_agent).await?;
            let token = token.ok_or(Failure::Suspended)?;
            // The browser forgets the session that it had, so nobody else is to have it either.
            if let Some(holder) = holder {
                origin::act_as(Actor::Person(Some(holder.user_id.0)));
                session::end_if_any(app, holder).await?;
            }
            Ok(Success::SignedIn(token))
        }
        Purpose::ConnectCalendar(user_id) => {
            holder
                .filter(|holder| holder.user_id == *user_id)
                .ok_or(Failure::OtherPerson)?;
            connect_calendar(app, *user_id, authorized).await?;
            Ok(Success::CalendarConnected)
        }
        Purpose::LinkIdentity(user_id, session_id) => {
            holder
                .filter(|holder| holder.user_id == *user_id && holder.session_id == *session_id)
                .ok_or(Failure::OtherPerson)?;
            let id = identity::ask_for(app, *user_id, provider, &authorized.identity).await?;
            Ok(Success::IdentityFound(id))
        }
        Purpose::Redeem(..) => Err(Failure::Failed),
    }
}

/// What the provider says of the person, and has granted, for its answer.
async fn authorized<'a>(
    app: &'a App,
    pending: &Pending,
    answer: &Answer,
) -> Result<(&'a Provider, Authorized), Failure> {
    let provider = app.provider(&pending.provider).ok_or(Failure::Failed)?;
    let response = AuthorizationResponse {
        code: authorization_code(answer)?,
        issuer: answer.issuer.as_deref(),
    };
    let (sign_in, now) = (&provider.sign_in, app.clock.now());
    let authorized = sign_in.exchange(response, &pending.authorization, now);
    Ok((provider, authorized.await?))
}

/// The code of an answer that is a yes.
fn authorization_code(answer: &Answer) -> Result<&str, Failure> {
    match (&answer.code, answer.error.as_deref()) {
        (Some(code), None) => Ok(code),
        (_, Some("access_denied")) => Err(Failure::AccessDenied),
        (_, error) => {
            let error = error.map(|text| text.chars().take(80).collect::<String>());
            tracing::warn!(error, "provider refused");
            match error.as_deref() {
                Some("temporarily_unavailable" | "server_error") => {
                    Err(Failure::ProviderUnavailable)
                }
                _ => Err(Failure::Failed),
            }
        }
    }
}

async fn connect_calendar(
    app: &App,
    user_id: UserId,
    authorized: Authorized,
) -> Result<(), Failure> {
    let grant = Grant {
        subject: authorized.identity.subject,
        email: authorized.identity.email,
        scopes: authorized.granted_scopes.into_iter().collect(),
        refresh_token: authorized.refresh_token.ok_or(Failure::NoLastingAccess)?,
    };
    Ok(calendar_connection::keep(app, user_id, grant).await?)
}
