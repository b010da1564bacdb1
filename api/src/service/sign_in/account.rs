//! Whom an identity signs in: the user that it belongs to, or else a new one.

use super::Failure;
use crate::{
    app::{App, Provider},
    error::Error,
    service::{UserId, identity::account, transaction::transaction},
    store::{self, identity::Account, user::NewUser, violated},
};
use ::entity::user_role::Role;
use google::Identity;

/// The user whom this identity signs in. An address is no proof of being the same person: a user who has it already is
/// another one.
pub(super) async fn user_of(
    app: &App,
    provider: &Provider,
    identity: &Identity,
) -> Result<UserId, Failure> {
    if !identity.email_verified {
        return Err(Failure::EmailNotVerified);
    }
    let account = account(provider, identity);
    if let Some(user_id) = known(app, account).await? {
        return Ok(user_id);
    }
    if !may_sign_up(app, provider, identity) {
        // Told to everybody with such an address, invited or not: so nobody learns by it who is.
        if !account.email_authoritative {
            return Err(Failure::EmailNotAuthoritative);
        }
        if !is_invited(app, account).await? {
            return Err(Failure::SignUpClosed);
        }
    }
    Ok(sign_up(app, identity, account).await?)
}

/// Whoever an admin has invited may sign up in any domain: guardians seldom have an address of the school. The address is
/// one for which the provider is authoritative, or the door would open to whoever had it once.
async fn is_invited(app: &App, account: Account<'_>) -> Result<bool, Error> {
    let side = store::invitation::Side::SentTo {
        address: Some(account.email.to_lowercase()),
        now: app.clock.now(),
        only_of_admins: true,
    };
    let found = store::invitation::list(&app.db, side, None, None, 1).await?;
    Ok(!found.is_empty())
}

/// Whether `SIGN_UP_DOMAINS` lets somebody become a user by this identity.
fn may_sign_up(app: &App, provider: &Provider, identity: &Identity) -> bool {
    let domains = &app.config.sign_in.sign_up_domains;
    let domain = if provider.is_google() {
        // An account of another domain may have an address of this one.
        identity.hosted_domain.as_deref()
    } else {
        identity.email.rsplit_once('@').map(|(_, domain)| domain)
    };
    domains.is_empty()
        || domain.is_some_and(|domain| domains.iter().any(|one| one.eq_ignore_ascii_case(domain)))
}

async fn known(app: &App, account: Account<'_>) -> Result<Option<UserId>, Error> {
    let (issuer, subject) = (account.issuer, account.subject);
    let Some(known) = store::identity::confirmed(&app.db, issuer, subject).await? else {
        return Ok(None);
    };
    transaction!(app.db, |txn| {
        Ok(store::identity::note_sign_in(txn, &known, account, app.clock.now()).await?)
    })?;
    Ok(Some(known.user_id))
}

/// Makes the user of a person who signs in for the first time. Of two first sign-ins at once, the
/// unique key lets one make the user, and the other finds it.
async fn sign_up(app: &App, identity: &Identity, account: Account<'_>) -> Result<UserId, Error> {
    let now = app.clock.now();
    let made = transaction!(app.db, |txn| {
        let name = display_name(identity);
        let time_zone = app.config.centre.time_zone.name();
        let new = NewUser {
            name: &name,
            email: account.email,
            time_zone,
        };
        let user_id = store::user::insert(txn, new, &[Role::Student], now).await?;
        match store::identity::insert(txn, user_id, account, Some(now), now).await {
            Err(error) if violated(&error) == Some("identities_issuer_subject_key") => {
                Err(Error::conflict("signed_up", "This account has signed up."))
            }
            outcome => Ok(outcome.map(|_| user_id)?),
        }
    });
    match made {
        Err(Error::Conflict(_)) => known(app, account)
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
