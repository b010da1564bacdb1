//! Signing in with Google, and asking a signed-in tutor for calendar access, which is the same dance
//! with other scopes. RFC 6749, RFC 7636 and OpenID Connect Core 1.0, done by the `google` crate.

use super::{
    UserId,
    calendar_connection::{self, Grant},
    session::{self, Holder},
    transaction::transaction,
};
use crate::{
    app::{App, Google},
    error::Error,
    seal::Sealed,
    store::{self, user::NewUser, violated},
};
use ::entity::user_role::Role;
use chrono::{DateTime, TimeDelta, Utc};
use google::{Ask, Authorized, Identity, PendingAuthorization};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

/// How long a person may take at the provider.
pub const TIME_LIMIT: TimeDelta = TimeDelta::minutes(15);

/// What the seal of a pending sign-in is bound to.
const SEAL_CONTEXT: &[u8] = b"pending sign-in";

/// The longest path that is returned to.
const RETURN_PATH_LENGTH: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Purpose {
    SignIn,
    ConnectCalendar(UserId),
}

/// What the browser carries, sealed, while the person is at the provider.
#[derive(Serialize, Deserialize)]
struct Pending {
    purpose: Purpose,
    authorization: PendingAuthorization,
    return_to: String,
    expires_at: DateTime<Utc>,
}

/// Where to send the browser, and what it must carry.
#[derive(Debug)]
pub struct Started {
    pub authorization_url: Url,
    pub sealed: String,
}

/// Begins a sign-in that ends at the path `return_to`.
///
/// # Errors
/// [`Error::Invalid`] for a path that leads elsewhere; [`Error::Unavailable`] when the provider can't be
/// reached, or none is configured.
pub async fn start(app: &App, return_to: &str) -> Result<Started, Error> {
    begin(app, Purpose::SignIn, Ask::SignIn, return_to).await
}

/// Begins to ask a tutor for calendar access.
///
/// # Errors
/// As [`start`]; [`Error::Forbidden`] for who is no tutor.
pub async fn start_calendar(app: &App, holder: &Holder, return_to: &str) -> Result<Started, Error> {
    if holder.tutor_id.is_none() {
        return Err(Error::Forbidden {
            code: "not_a_tutor",
            detail: "Only tutors connect a calendar.".into(),
        });
    }
    let ask = Ask::Calendar {
        login_hint: &holder.email,
    };
    begin(
        app,
        Purpose::ConnectCalendar(holder.user_id),
        ask,
        return_to,
    )
    .await
}

async fn begin(
    app: &App,
    purpose: Purpose,
    ask: Ask<'_>,
    return_to: &str,
) -> Result<Started, Error> {
    let return_to = return_path(&app.config.server.public_url, return_to)?;
    let request = google(app)?
        .sign_in
        .authorization_request(ask)
        .await
        .map_err(provider_error)?;
    let pending = Pending {
        purpose,
        authorization: request.pending,
        return_to,
        expires_at: app.clock.now() + TIME_LIMIT,
    };
    Ok(Started {
        authorization_url: request.url,
        sealed: seal(app, &pending)?,
    })
}

/// What the provider sent the browser back with.
#[derive(Debug, Default)]
pub struct Answer {
    pub state: String,
    pub code: Option<String>,
    pub error: Option<String>,
}

/// How a sign-in ended.
#[derive(Debug)]
pub struct Finished {
    /// The path to go on to.
    pub return_to: String,
    /// The token of the new session, where one began.
    pub session: Option<SecretString>,
    /// The person said no.
    pub refused: bool,
}

/// Ends a sign-in. `holder` is who holds a session already.
///
/// # Errors
/// [`Error::Malformed`] where the answer does not belong to the browser or comes too late;
/// [`Error::Forbidden`] where the provider does not vouch for the person.
pub async fn finish(
    app: &App,
    sealed: Option<&str>,
    answer: Answer,
    holder: Option<&Holder>,
    user_agent: Option<&str>,
) -> Result<Finished, Error> {
    let pending = sealed
        .and_then(|sealed| open(app, sealed))
        .ok_or_else(stale)?;
    if !pending.authorization.state_matches(&answer.state) || pending.expires_at < app.clock.now() {
        return Err(stale());
    }
    let return_to = pending.return_to.clone();
    let code = match (answer.code, answer.error.as_deref()) {
        (Some(code), None) => code,
        (_, Some("access_denied")) => {
            return Ok(Finished {
                return_to,
                session: None,
                refused: true,
            });
        }
        (_, error) => {
            tracing::warn!(
                error = error.map(|text| text.chars().take(80).collect::<String>()),
                "provider refused"
            );
            return Err(stale());
        }
    };
    let sign_in = &google(app)?.sign_in;
    let authorized = sign_in
        .exchange(&code, &pending.authorization, app.clock.now())
        .await
        .map_err(provider_error)?;
    let session = match pending.purpose {
        Purpose::SignIn => Some(sign_in_as(app, authorized.identity, user_agent).await?),
        Purpose::ConnectCalendar(user_id) => {
            connect_calendar(app, user_id, authorized, holder).await?;
            None
        }
    };
    Ok(Finished {
        return_to,
        session,
        refused: false,
    })
}

async fn connect_calendar(
    app: &App,
    user_id: UserId,
    authorized: Authorized,
    holder: Option<&Holder>,
) -> Result<(), Error> {
    if holder.is_none_or(|holder| holder.user_id != user_id) {
        return Err(Error::Forbidden {
            code: "other_person",
            detail: "Somebody else has signed in meanwhile. Connect the calendar again.".into(),
        });
    }
    let Some(refresh_token) = authorized.refresh_token else {
        return Err(Error::Forbidden {
            code: "no_lasting_access",
            detail: "Google gave no lasting access. Remove it at myaccount.google.com/permissions and connect again.".into(),
        });
    };
    let grant = Grant {
        subject: authorized.identity.subject,
        email: authorized.identity.email,
        scopes: authorized.granted_scopes.into_iter().collect(),
        refresh_token,
    };
    calendar_connection::keep(app, user_id, grant).await
}

async fn sign_in_as(
    app: &App,
    identity: Identity,
    user_agent: Option<&str>,
) -> Result<SecretString, Error> {
    if !identity.email_verified {
        return Err(Error::Forbidden {
            code: "email_not_verified",
            detail:
                "The provider has not verified this address. Verify it there and sign in again."
                    .into(),
        });
    }
    let user_id = match known_user(app, &identity).await? {
        Some(user_id) => user_id,
        None => sign_up(app, &identity).await?,
    };
    session::begin(app, user_id, user_agent).await
}

async fn known_user(app: &App, identity: &Identity) -> Result<Option<UserId>, Error> {
    let Some(known) = store::user::identity(&app.db, &identity.issuer, &identity.subject).await?
    else {
        return Ok(None);
    };
    transaction!(app.db, |txn| {
        Ok(store::user::note_sign_in(txn, &known, &identity.email, app.clock.now()).await?)
    })?;
    Ok(Some(known.user_id))
}

/// Makes the user of a person who signs in for the first time. Of two first sign-ins at once, the
/// unique key lets one make the user, and the other finds it.
async fn sign_up(app: &App, identity: &Identity) -> Result<UserId, Error> {
    let now = app.clock.now();
    let made = transaction!(app.db, |txn| {
        let name = display_name(identity);
        let time_zone = app.config.centre.time_zone.name();
        let new = NewUser {
            name: &name,
            email: &identity.email,
            time_zone,
        };
        let user_id = store::user::insert(txn, new, &[Role::Student], now).await?;
        let account = (
            identity.issuer.as_str(),
            identity.subject.as_str(),
            identity.email.as_str(),
        );
        match store::user::insert_identity(txn, user_id, account, now).await {
            Err(error) if violated(&error) == Some("identities_issuer_subject_key") => {
                Err(Error::conflict("signed_up", "This account has signed up."))
            }
            outcome => Ok(outcome.map(|()| user_id)?),
        }
    });
    match made {
        Err(Error::Conflict(_)) => known_user(app, identity)
            .await?
            .ok_or_else(|| Error::internal(anyhow::anyhow!("identity came and went"))),
        outcome => outcome,
    }
}

fn display_name(identity: &Identity) -> String {
    let given = identity.name.as_deref().unwrap_or_default();
    let clean = |text: &str| {
        text.chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect::<String>()
            .trim()
            .to_owned()
    };
    let name = clean(given);
    if name.is_empty() {
        clean(identity.email.split('@').next().unwrap_or("?"))
    } else {
        name
    }
}

fn google(app: &App) -> Result<&Google, Error> {
    app.google
        .as_ref()
        .ok_or_else(|| Error::unavailable(anyhow::anyhow!("SIGN_IN is off")))
}

/// Whether anybody can sign in here.
pub fn is_configured(app: &App) -> bool {
    app.google.is_some()
}

/// A path on this server, and nothing that a browser takes for another server's address.
fn return_path(public_url: &Url, path: &str) -> Result<String, Error> {
    let refused = || {
        Error::invalid(
            "return_to",
            "not_a_local_path",
            "must be a path on this server, such as /docs/",
        )
    };
    if !path.starts_with('/')
        || path.len() > RETURN_PATH_LENGTH
        || !path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
    {
        return Err(refused());
    }
    let url = public_url.join(path).map_err(|_| refused())?;
    let path = &url[url::Position::BeforePath..];
    // With the dots taken out, "/.//host" has become an address of another server.
    if url.origin() != public_url.origin() || path.starts_with("//") {
        return Err(refused());
    }
    Ok(path.to_owned())
}

fn provider_error(error: google::Error) -> Error {
    if error.is_transient() {
        return Error::unavailable(error);
    }
    match error {
        // A code that is used or somebody else's, or a proof of somebody else: nobody is signed in on it.
        // It may also be a mistake in our own configuration, or in our clock.
        google::Error::Refused(_) | google::Error::GrantDead | google::Error::IdToken(_) => {
            tracing::warn!(%error, "sign-in failed");
            stale()
        }
        error => Error::Internal(error.into()),
    }
}

fn stale() -> Error {
    Error::Malformed {
        code: "sign_in_failed",
        detail: "This sign-in is not under way in this browser any more. Start again at /v1/auth/sign-in.".into(),
    }
}

fn seal(app: &App, pending: &Pending) -> Result<String, Error> {
    let plain = serde_json::to_vec(pending).map_err(Error::internal)?;
    let sealed = app
        .config
        .keys
        .seal(SEAL_CONTEXT, &plain)
        .map_err(Error::internal)?;
    Ok(sealed.to_text())
}

fn open(app: &App, text: &str) -> Option<Pending> {
    let sealed = Sealed::from_text(text)?;
    serde_json::from_slice(&app.config.keys.open(SEAL_CONTEXT, &sealed).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_returned_to() {
        let public_url = Url::parse("https://book.example.org").expect("a URL");
        for (path, expected) in [
            ("/", "/"),
            ("/docs/?a=b#c", "/docs/?a=b#c"),
            ("/a/../b", "/b"),
            ("/%2F%2Fevil.example", "/%2F%2Fevil.example"),
        ] {
            assert_eq!(return_path(&public_url, path).expect("accepted"), expected);
        }
        let long = format!("/{}", "a".repeat(1000));
        for path in [
            "",
            "docs",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/.//evil.example",
            "/a/..//evil.example",
            "/%2e//evil.example",
            "https://evil.example/",
            "/a\nb",
            "/a b",
            "/ü",
            &long,
        ] {
            assert!(return_path(&public_url, path).is_err(), "{path:?}");
        }
    }
}
