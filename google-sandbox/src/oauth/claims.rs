//! What an ID token and the userinfo endpoint say about a person.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::scopes;
use crate::{
    shared::Shared,
    state::{AccessToken, State},
    types::subject,
};

/// The claims that the granted scopes reveal.
pub(crate) fn person(origin: &str, state: &State, token: &AccessToken) -> Value {
    let email = &token.email;
    let sub = subject(email);
    let mut claims = json!({"sub": sub});
    if scopes::holds(&token.scopes, "userinfo.email") {
        claims["email"] = json!(email);
        claims["email_verified"] = json!(true);
        if let Some(domain) = hosted_domain(state, email) {
            claims["hd"] = json!(domain);
        }
    }
    if scopes::holds(&token.scopes, "userinfo.profile") {
        let name = state.account(email).map_or(email.as_str(), |a| &a.name);
        let (given, family) = name.rsplit_once(' ').unwrap_or((name, ""));
        claims["name"] = json!(name);
        claims["given_name"] = json!(given);
        if !family.is_empty() {
            claims["family_name"] = json!(family);
        }
        claims["picture"] = json!(format!("{origin}/picture/{sub}"));
    }
    claims
}

/// The Workspace domain of an account. Everybody is in the Workspace of their domain, except where Google itself has the
/// domain, and [`make_consumer`](crate::Sandbox::make_consumer) said otherwise.
fn hosted_domain<'a>(state: &State, email: &'a str) -> Option<&'a str> {
    let (_, domain) = email.rsplit_once('@')?;
    let is_consumer =
        matches!(domain, "gmail.com" | "googlemail.com") || state.consumers.contains(email);
    (!is_consumer).then_some(domain)
}

/// An ID token to go with an access token.
pub(crate) fn id_token(
    shared: &Shared,
    state: &State,
    access_token: &str,
    token: &AccessToken,
    nonce: Option<&str>,
) -> String {
    let now = state.now().timestamp();
    let hash = Sha256::digest(access_token.as_bytes());
    let (left, _) = hash.split_at(16);
    let mut claims = person(&shared.origin, state, token);
    claims["iss"] = json!(shared.origin);
    claims["aud"] = json!(token.client);
    claims["azp"] = json!(token.client);
    claims["at_hash"] = json!(URL_SAFE_NO_PAD.encode(left));
    claims["iat"] = json!(now);
    claims["exp"] = json!(now + 3600);
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    shared.keys.sign(&claims)
}
