//! The accounts at providers by which a user signs in. Another one is linked in two steps: the user proves it at its
//! provider, and then confirms, still signed in, that it shall be theirs. Until then it is nobody's.

use super::{IdentityId, UserId, session::Holder, sign_in::Failure, transaction::transaction};
use crate::{
    app::{App, Provider},
    error::Error,
    origin::{self, Actor},
    store::{self, identity::Account, violated},
};
use ::entity::identity::Model;
use chrono::{DateTime, TimeDelta, Utc};
use google::Identity;

/// Within what time an account is to be confirmed.
const TIME_LIMIT: TimeDelta = TimeDelta::minutes(15);

/// An account as its user sees it.
#[derive(Debug)]
pub struct Linked {
    pub id: IdentityId,
    /// The id of the provider, as long as it is set up here.
    pub provider: Option<String>,
    pub issuer: String,
    pub email: String,
    pub created_at: DateTime<Utc>,
    pub last_sign_in_at: Option<DateTime<Utc>>,
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Until when it is to be confirmed.
    pub expires_at: Option<DateTime<Utc>>,
}

fn linked(app: &App, row: Model) -> Linked {
    let mut providers = app.providers.iter();
    let issuer = row.issuer.trim_end_matches('/');
    Linked {
        id: row.id,
        provider: providers
            .find(|provider| provider.issuer() == issuer)
            .map(|Provider { id, .. }| id.clone()),
        email: row.email,
        created_at: row.created_at,
        last_sign_in_at: row.last_sign_in_at,
        confirmed_at: row.confirmed_at,
        expires_at: match row.confirmed_at {
            Some(_) => None,
            None => Some(row.created_at + TIME_LIMIT),
        },
        issuer: row.issuer,
    }
}

/// What was asked for at this time or before is asked for no more.
fn expired(app: &App) -> DateTime<Utc> {
    app.clock.now() - TIME_LIMIT
}

/// The accounts of a user, oldest first, and those that the user has yet to confirm.
pub async fn list(app: &App, user_id: UserId) -> Result<Vec<Linked>, Error> {
    let rows = store::identity::of_user(&app.db, user_id, expired(app)).await?;
    Ok(rows.into_iter().map(|row| linked(app, row)).collect())
}

/// Keeps an account that was proven until the user confirms it. One that is the user's already needs no more.
pub(super) async fn ask_for(
    app: &App,
    user_id: UserId,
    provider: &Provider,
    identity: &Identity,
) -> Result<IdentityId, Failure> {
    if !identity.email_verified {
        return Err(Failure::EmailNotVerified);
    }
    let account = account(provider, identity);
    let (issuer, subject) = (account.issuer, account.subject);
    if let Some(known) = store::identity::confirmed(&app.db, issuer, subject)
        .await
        .map_err(Error::from)?
    {
        let is_own = known.user_id == user_id;
        return is_own.then_some(known.id).ok_or(Failure::IdentityTaken);
    }
    let now = app.clock.now();
    let id = transaction!(app.db, |txn| {
        store::identity::lock_those_of(txn, user_id).await?;
        store::identity::delete_unconfirmed(txn, user_id, account).await?;
        Ok(store::identity::insert(txn, user_id, account, None, now).await?)
    })?;
    if let Err(error) = forget_expired(app).await {
        tracing::warn!(%error, "expired identities are left for the next one");
    }
    Ok(id)
}

/// What nobody confirms goes by itself.
async fn forget_expired(app: &App) -> Result<(), Error> {
    let by_itself = app.origin(Actor::Job, Some("forget_expired_identities".into()));
    origin::scope(by_itself, async {
        transaction!(app.db, |txn| {
            Ok(store::identity::delete_expired(txn, expired(app)).await?)
        })
    })
    .await
}

/// Makes an account that was asked for the user's. To repeat it does no harm.
///
/// # Errors
/// [`Error::NotFound`] for what this user did not ask for, or too long ago; [`Error::Conflict`] where it has become
/// another user's meanwhile.
pub async fn confirm(app: &App, holder: &Holder, id: IdentityId) -> Result<Linked, Error> {
    let (user_id, now) = (holder.user_id, app.clock.now());
    transaction!(app.db, |txn| {
        match store::identity::confirm(txn, user_id, id, expired(app), now).await {
            Err(error) if violated(&error) == Some("identities_issuer_subject_key") => {
                let detail = "Somebody signs in by this account already.";
                Err(Error::conflict("identity_taken", detail))
            }
            outcome => Ok(outcome?),
        }
    })?;
    let confirmed = find(app, user_id, id).await?;
    confirmed.ok_or(Error::not_found("identity"))
}

pub(super) async fn find(
    app: &App,
    user_id: UserId,
    id: IdentityId,
) -> Result<Option<Linked>, Error> {
    let all = list(app, user_id).await?;
    Ok(all.into_iter().find(|identity| identity.id == id))
}

/// Takes an account away from the user, who signs in by the others from now on.
///
/// # Errors
/// [`Error::NotFound`] for what is not this user's; [`Error::Conflict`] for the last one.
pub async fn unlink(app: &App, holder: &Holder, id: IdentityId) -> Result<(), Error> {
    let user_id = holder.user_id;
    transaction!(app.db, |txn| {
        store::identity::lock_those_of(txn, user_id).await?;
        let rows = store::identity::of_user(txn, user_id, expired(app)).await?;
        let Some(row) = rows.iter().find(|row| row.id == id) else {
            return Err(Error::not_found("identity"));
        };
        let confirmed = rows.iter().filter(|row| row.confirmed_at.is_some()).count();
        if row.confirmed_at.is_some() && confirmed == 1 {
            let detail = "This is the only account by which you sign in. Link another one first.";
            return Err(Error::conflict("last_identity", detail));
        }
        Ok(store::identity::delete(txn, id).await?)
    })
}

/// What is kept of an account of this provider.
pub(super) fn account<'a>(provider: &Provider, identity: &'a Identity) -> Account<'a> {
    Account {
        issuer: &identity.issuer,
        subject: &identity.subject,
        email: &identity.email,
        email_authoritative: email_is_authoritative(provider.is_google(), identity),
    }
}

/// Whether the provider vouches that the address is this person's today.
///
/// Google verifies an address of another domain once, and its owner may have changed since; it is authoritative only for
/// Gmail and for the domains of Workspaces
/// (<https://developers.google.com/identity/gsi/web/guides/verify-google-id-token>). `hd` is the main domain of a
/// Workspace, of which the address may have another one, so its presence counts. Of other providers the word counts: the
/// operator chose them, and OpenID Connect Core 1.0, 5.1, leaves what "verified" means to what the two agreed upon.
pub(super) fn email_is_authoritative(is_google: bool, identity: &Identity) -> bool {
    let is_gmail = || {
        let domain = identity.email.rsplit_once('@').map(|(_, domain)| domain);
        domain.is_some_and(|domain| {
            ["gmail.com", "googlemail.com"]
                .iter()
                .any(|own| own.eq_ignore_ascii_case(domain))
        })
    };
    identity.email_verified && (!is_google || identity.hosted_domain.is_some() || is_gmail())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn google_is_authoritative_for_its_own_domains_and_those_of_workspaces() {
        for (is_google, email, email_verified, hosted_domain, expected) in [
            (true, "ada@gmail.com", true, None, true),
            (true, "ada@GMail.com", true, None, true),
            (true, "ada@googlemail.com", true, None, true),
            (true, "ada@gmail.com", false, None, false),
            (true, "ada@school.edu", true, Some("school.edu"), true),
            (true, "ada@alias.edu", true, Some("school.edu"), true),
            (true, "ada@school.edu", false, Some("school.edu"), false),
            (true, "ada@school.edu", true, None, false),
            (true, "ada@notgmail.com", true, None, false),
            (true, "ada@gmail.com.evil.example", true, None, false),
            (true, "\"ada@gmail.com\"@evil.example", true, None, false),
            (true, "gmail.com", true, None, false),
            (false, "ada@school.edu", true, None, true),
            (false, "ada@school.edu", false, None, false),
            (false, "ada@school.edu", false, Some("school.edu"), false),
        ] {
            let identity = Identity {
                issuer: "https://id.example".into(),
                subject: "1".into(),
                email: email.into(),
                email_verified,
                name: None,
                picture: None,
                locale: None,
                hosted_domain: hosted_domain.map(str::to_owned),
            };
            let answer = email_is_authoritative(is_google, &identity);
            assert_eq!(answer, expected, "{email} {hosted_domain:?}");
        }
    }
}
