//! What is asked of a provider for a frontend on another site, whose session is a token and no cookie: linking an account,
//! and connecting a calendar. The frontend pushes its request (as in RFC 9126), and sends the browser to the address that
//! it gets. The provider's answer is kept, untouched, behind a code that goes to the frontend; and only when the frontend
//! redeems that, in the session in which it asked, is anything made of it. So whoever lures somebody else to such an
//! address gets nothing of theirs.

use super::{
    Answered, Failure, Pending, Purpose, Redemption, Sealable, Started, Task, authorized, code,
    connect_calendar,
};
use crate::{
    app::{App, Provider},
    error::Error,
    service::{
        calendar_connection::{self, Connection},
        identity::{self, Linked},
        session::Holder,
    },
    store::{self, pushed_request::NewRequest, violated},
};
use chrono::{DateTime, TimeDelta, Utc};
use google::Authorized;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Within what time the browser must come.
const TIME_LIMIT: TimeDelta = TimeDelta::minutes(1);

/// A request that was pushed.
pub struct Pushed {
    /// To where the browser is to go, once: an address of this server.
    pub url: Url,
    pub expires_at: DateTime<Utc>,
}

/// Keeps what has begun until a browser comes for it.
///
/// # Errors
/// [`Error::Unauthenticated`] where the session has ended meanwhile.
pub async fn push(app: &App, holder: &Holder, started: &Started) -> Result<Pushed, Error> {
    let now = app.clock.now();
    let request = code::random();
    let new = NewRequest {
        request_hash: code::hash(&request),
        session_id: holder.session_id,
        sealed_start: started.seal(app)?,
        expires_at: now + TIME_LIMIT,
    };
    let expires_at = new.expires_at;
    match store::pushed_request::insert(&app.db, new).await {
        Err(error) if violated(&error) == Some("pushed_requests_session_fkey") => {
            return Err(Error::Unauthenticated);
        }
        outcome => outcome?,
    }
    store::pushed_request::delete_expired(&app.db, now).await?;
    let url = app.config.server.public_url.join("/v1/auth/continue");
    let mut url = url.map_err(Error::internal)?;
    url.query_pairs_mut()
        .append_pair("request", request.expose_secret());
    Ok(Pushed { url, expires_at })
}

/// To where the browser goes that has come with a request, and what it must carry. None: the request is unknown, over, or
/// another browser has come with it.
pub async fn open(app: &App, request: &SecretString) -> Result<Option<Started>, Error> {
    let (hash, now) = (code::hash(request), app.clock.now());
    let sealed = store::pushed_request::take(&app.db, hash, now).await?;
    Ok(sealed.and_then(|sealed| Started::open(app, &sealed)))
}

/// Makes the account that was proven one that the user may confirm.
///
/// # Errors
/// [`Error::Invalid`] for what the holder may not redeem; [`Error::Conflict`] where the provider's answer is of no use;
/// [`Error::Unavailable`] when the provider can't be used.
pub async fn redeem_link(
    app: &App,
    holder: &Holder,
    redemption: &Redemption,
) -> Result<Linked, Error> {
    let (provider, granted) = redeem(app, holder, Task::LinkIdentity, redemption).await?;
    let id = identity::ask_for(app, holder.user_id, provider, &granted.identity).await?;
    let found = identity::find(app, holder.user_id, id).await?;
    found.ok_or(Error::not_found("identity"))
}

/// Connects the calendar to which access was given.
///
/// # Errors
/// As [`redeem_link`].
pub async fn redeem_calendar(
    app: &App,
    holder: &Holder,
    redemption: &Redemption,
) -> Result<Connection, Error> {
    let (_, granted) = redeem(app, holder, Task::ConnectCalendar, redemption).await?;
    connect_calendar(app, holder.user_id, granted).await?;
    calendar_connection::get(app, holder.user_id).await
}

async fn redeem<'a>(
    app: &'a App,
    holder: &Holder,
    task: Task,
    redemption: &Redemption,
) -> Result<(&'a Provider, Authorized), Error> {
    let sealed = code::redeem_answer(app, holder.user_id, redemption).await?;
    let answered = sealed.and_then(|sealed| Answered::open(app, &sealed));
    let Some(Answered { pending, answer }) = answered.filter(|it| is_of(&it.pending, holder, task))
    else {
        let detail = "is over, was used, or belongs to something or somebody else";
        return Err(Error::invalid("code", "invalid_grant", detail));
    };
    Ok(authorized(app, &pending, &answer).await?)
}

/// Whether it was begun for this, in this very session.
fn is_of(pending: &Pending, holder: &Holder, wanted: Task) -> bool {
    matches!(&pending.purpose, Purpose::Redeem(task, user_id, session_id, _)
        if *task == wanted && *user_id == holder.user_id && *session_id == holder.session_id)
}

/// What came to nothing while a frontend waited for an answer.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let detail = match failure {
            Failure::Fault(error) => return error,
            Failure::ProviderUnavailable => {
                return Self::unavailable(anyhow::anyhow!("the provider does not answer"));
            }
            Failure::EmailNotVerified => {
                "The provider has not verified the address of this account."
            }
            Failure::IdentityTaken => "Somebody signs in by this account already.",
            Failure::NoLastingAccess => {
                "Google has given access before: remove it at myaccount.google.com/permissions and connect again."
            }
            _ => "The provider's answer proves nothing. Start again.",
        };
        Self::conflict(failure.code(), detail)
    }
}
