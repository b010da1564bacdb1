//! The rules of the authorization endpoint, without its pages.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Duration;
use sha2::{Digest, Sha256};
use url::Url;

use super::{Code, Flow, scopes};
use crate::{
    state::{State, random},
    types::Consent,
};

/// How many people may be in the middle of signing in; the rest start over.
const MOST_FLOWS: usize = 10_000;

/// A checked authorization request.
#[derive(Clone, Debug)]
pub(crate) struct AuthRequest {
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    target: Url,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) state: Option<String>,
    pub(crate) login_hint: Option<String>,
    nonce: Option<String>,
    challenge: Option<Challenge>,
    offline: bool,
    prompt: BTreeSet<String>,
    include_granted: bool,
}

/// What the code verifier will have to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Plain(String),
    S256(String),
}

impl Challenge {
    pub(crate) fn accepts(&self, verifier: &str) -> bool {
        match self {
            Self::Plain(text) => text == verifier,
            Self::S256(hash) => {
                *hash == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
            }
        }
    }
}

/// Why there is no account chooser.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The client can't be trusted with the answer: shown to the person.
    Page { error: &'static str, why: String },
    /// Told to the client.
    Redirect(Url),
}

impl Refusal {
    fn page(error: &'static str, why: impl Into<String>) -> Self {
        Self::Page {
            error,
            why: why.into(),
        }
    }
}

/// What comes after the account is chosen.
pub(crate) enum Step {
    /// Ask for these scopes.
    Consent(Vec<String>),
    /// Nothing to ask; back to the client.
    Done(Url),
}

/// Checks an authorization request.
pub(crate) fn check(state: &State, query: &str) -> Result<AuthRequest, Refusal> {
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
        .map_err(|_| Refusal::page("invalid_request", "The query cannot be read."))?;
    for (name, value) in pairs {
        if given.insert(name.clone(), value).is_some() {
            let why = format!("OAuth 2 parameters can only have a single value: {name}");
            return Err(Refusal::page("invalid_request", why));
        }
    }
    let mut take = |name: &str| given.remove(name).filter(|value| !value.is_empty());
    let missing = |name: &str| {
        Refusal::page(
            "invalid_request",
            format!("Missing required parameter: {name}"),
        )
    };

    let client = take("client_id").ok_or_else(|| missing("client_id"))?;
    let redirect_uri = take("redirect_uri").ok_or_else(|| missing("redirect_uri"))?;
    let known = state
        .client(&client)
        .ok_or_else(|| Refusal::page("invalid_client", "The OAuth client was not found."))?;
    if !known.redirect_uris.contains(&redirect_uri) {
        let why = format!("{redirect_uri} is not registered for this client.");
        return Err(Refusal::page("redirect_uri_mismatch", why));
    }
    let target = Url::parse(&redirect_uri)
        .map_err(|_| Refusal::page("redirect_uri_mismatch", "The redirect URI is not a URL."))?;
    match take("response_type").as_deref() {
        Some("code") => {}
        None => return Err(missing("response_type")),
        Some(other) => {
            let why = format!("Invalid response_type: {other}");
            return Err(Refusal::page("unsupported_response_type", why));
        }
    }
    let asked = take("scope").ok_or_else(|| missing("scope"))?;
    let mut wanted = BTreeSet::new();
    for scope in asked.split_whitespace() {
        if scopes::describe(scope).is_none() {
            let why = format!("Some requested scopes were invalid: {scope}");
            return Err(Refusal::page("invalid_scope", why));
        }
        wanted.insert(scopes::canonical(scope));
    }
    let challenge = match (
        take("code_challenge"),
        take("code_challenge_method").as_deref(),
    ) {
        (None, _) => None,
        (Some(text), None | Some("plain")) => Some(Challenge::Plain(text)),
        (Some(text), Some("S256")) => Some(Challenge::S256(text)),
        (Some(_), Some(other)) => {
            let why = format!("Invalid code_challenge_method: {other}");
            return Err(Refusal::page("invalid_request", why));
        }
    };
    let prompt = take("prompt").unwrap_or_default();
    Ok(AuthRequest {
        client,
        redirect_uri,
        target,
        scopes: wanted,
        state: take("state"),
        login_hint: take("login_hint"),
        nonce: take("nonce"),
        challenge,
        offline: take("access_type").as_deref() == Some("offline"),
        prompt: prompt.split_whitespace().map(str::to_owned).collect(),
        include_granted: take("include_granted_scopes").as_deref() == Some("true"),
    })
}

/// Opens a flow for a checked request and returns its id. With `prompt=none` there is only an answer.
pub(crate) fn begin(state: &mut State, request: AuthRequest) -> Result<String, Refusal> {
    if request.prompt.contains("none") {
        return Err(Refusal::Redirect(silent(state, &request)));
    }
    let now = state.now();
    state.flows.retain(|_, flow| flow.expires > now);
    if state.flows.len() >= MOST_FLOWS {
        state.flows.clear();
    }
    let id = random(43);
    state.flows.insert(
        id.clone(),
        Flow {
            request,
            email: None,
            expires: now + Duration::hours(1),
        },
    );
    Ok(id)
}

/// Answers `prompt=none`: nobody is asked anything.
fn silent(state: &mut State, request: &AuthRequest) -> Url {
    let hint = request.login_hint.clone().unwrap_or_default();
    let Some(email) = find_account(state, &hint) else {
        return answer(request, &[("error", "login_required")]);
    };
    if boxes(state, request, &email).is_empty() {
        finish(state, request, &email, &[], false)
    } else {
        answer(request, &[("error", "interaction_required")])
    }
}

/// An account by its address or its `sub`.
pub(crate) fn find_account(state: &State, hint: &str) -> Option<String> {
    state
        .accounts
        .iter()
        .find(|a| a.email.eq_ignore_ascii_case(hint) || crate::subject(&a.email) == hint)
        .map(|account| account.email.clone())
}

/// The scopes to ask this person for: what is new, or everything with `prompt=consent`.
fn boxes(state: &mut State, request: &AuthRequest, email: &str) -> Vec<String> {
    let again = request.prompt.contains("consent");
    let granted = state
        .grant_mut(&request.client, email)
        .map(|grant| grant.scopes.clone())
        .unwrap_or_default();
    request
        .scopes
        .iter()
        .filter(|scope| !scopes::is_basic(scope) && (again || !granted.contains(*scope)))
        .cloned()
        .collect()
}

/// The person has chosen an account.
pub(crate) fn choose(state: &mut State, request: &AuthRequest, email: &str) -> Step {
    let ask = boxes(state, request, email);
    if ask.is_empty() {
        Step::Done(finish(state, request, email, &[], false))
    } else {
        Step::Consent(ask)
    }
}

/// The person has pressed Cancel.
pub(crate) fn deny(request: &AuthRequest) -> Url {
    answer(request, &[("error", "access_denied")])
}

/// The person has pressed Continue with these boxes ticked.
pub(crate) fn consent(
    state: &mut State,
    request: &AuthRequest,
    email: &str,
    ticked: &[String],
) -> Url {
    let ask = boxes(state, request, email);
    let ticked: Vec<String> = ticked
        .iter()
        .filter(|scope| ask.contains(scope))
        .cloned()
        .collect();
    if ticked.is_empty() && ask.len() == request.scopes.len() {
        return deny(request);
    }
    finish(state, request, email, &ticked, true)
}

fn finish(
    state: &mut State,
    request: &AuthRequest,
    email: &str,
    ticked: &[String],
    asked: bool,
) -> Url {
    let known = state.grant_mut(&request.client, email).cloned();
    let before = known.as_ref().map(|g| g.scopes.clone()).unwrap_or_default();
    let mut granted: BTreeSet<String> = request
        .scopes
        .iter()
        .filter(|scope| {
            scopes::is_basic(scope) || ticked.contains(scope) || (!asked && before.contains(*scope))
        })
        .cloned()
        .collect();
    if asked && !request.prompt.contains("consent") {
        // No box was shown for these.
        granted.extend(request.scopes.intersection(&before).cloned());
    }
    state.allow(&request.client, email, &granted, false);
    if request.include_granted {
        granted.extend(before);
    }
    let first = known.is_none_or(|grant| grant.refresh_tokens.is_empty());
    let offline = request.offline && (first || asked || request.prompt.contains("consent"));

    let now = state.now();
    state.codes.retain(|_, code| code.expires > now);
    let code = format!("4/0A{}", random(60));
    state.hand_out(&code);
    let scope = scopes::join(&granted);
    state.codes.insert(
        code.clone(),
        Code {
            client: request.client.clone(),
            redirect_uri: request.redirect_uri.clone(),
            email: email.to_lowercase(),
            scopes: granted,
            nonce: request.nonce.clone(),
            challenge: request.challenge.clone(),
            offline,
            expires: now + Duration::minutes(10),
        },
    );
    let prompt = if asked { "consent" } else { "none" };
    answer(
        request,
        &[
            ("code", &code),
            ("scope", &scope),
            ("authuser", "0"),
            ("prompt", prompt),
        ],
    )
}

/// The redirect URI with an answer.
fn answer(request: &AuthRequest, pairs: &[(&str, &str)]) -> Url {
    let mut url = request.target.clone();
    {
        let mut query = url.query_pairs_mut();
        if let Some(state) = &request.state {
            query.append_pair("state", state);
        }
        query.extend_pairs(pairs);
    }
    url
}

/// Plays the person from the authorization URL to the redirect.
pub(crate) fn play(
    state: &mut State,
    query: &str,
    email: &str,
    answer: &Consent,
) -> Result<Url, String> {
    let begun = check(state, query).and_then(|request| {
        if request.prompt.contains("none") {
            return begin(state, request.clone()).map(|_| request);
        }
        Ok(request)
    });
    let request = match begun {
        Ok(request) => request,
        Err(Refusal::Redirect(url)) => return Ok(url),
        Err(Refusal::Page { error, why }) => return Err(format!("{error}: {why}")),
    };
    if *answer == Consent::Deny {
        return Ok(deny(&request));
    }
    let email = find_account(state, email).ok_or(format!("there is no account {email}"))?;
    Ok(match choose(state, &request, &email) {
        Step::Done(url) => url,
        Step::Consent(ask) => {
            let ticked = match answer {
                Consent::Only(only) => only.clone(),
                Consent::All | Consent::Deny => ask,
            };
            consent(state, &request, &email, &ticked)
        }
    })
}
