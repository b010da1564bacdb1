//! Google: sign-in and Calendar.

use super::{Vars, server::is_loopback};
use google::Limits;
use secrecy::SecretString;
use url::Url;

#[derive(Clone, Debug)]
pub struct Google {
    /// The OpenID Connect issuer; everything else is discovered there.
    pub issuer: Url,
    pub client_id: String,
    pub client_secret: SecretString,
    /// The root under which `/calendar/v3/` lies.
    pub calendar_url: Url,
    /// The bounds of one call to sign-in, and of one to Calendar. Not read from the environment: what
    /// [`Limits`] says suits Google.
    pub sign_in_limits: Limits,
    pub calendar_limits: Limits,
    /// Where Calendar tells that something has changed; none: it is not to.
    pub push_address: Option<Url>,
}

/// Below `PUBLIC_URL`.
pub const PUSH_PATH: &str = "/v1/calendar/notifications";

impl Google {
    /// `GOOGLE_CLIENT_ID`, `GOOGLE_CLIENT_SECRET`: the OAuth client ("Web application"), whose authorised
    /// redirect URI is `PUBLIC_URL/v1/auth/callback`. Required where there is no other provider, or `SIGN_IN=google`.
    /// `OIDC_ISSUER`: `https://accounts.google.com` when not set.
    /// `GOOGLE_CALENDAR_URL`: `https://www.googleapis.com` when not set.
    /// `CALENDAR_PUSH`: see [`push_address`].
    pub fn load(vars: &mut Vars<'_>, public_url: &Url, is_optional: bool) -> Option<Self> {
        let client = ["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"];
        if is_optional && client.iter().all(|name| vars.text(name).is_none()) {
            return None;
        }
        let why = "the OAuth client from the Google Cloud console (SIGN_IN=off starts without one)";
        let calendar_url = url(vars, "GOOGLE_CALENDAR_URL", "https://www.googleapis.com");
        Some(Self {
            push_address: push_address(vars, public_url, &calendar_url),
            issuer: url(vars, "OIDC_ISSUER", "https://accounts.google.com"),
            client_id: vars.required("GOOGLE_CLIENT_ID", why),
            client_secret: vars.required("GOOGLE_CLIENT_SECRET", why).into(),
            calendar_url,
            sign_in_limits: Limits::SIGN_IN,
            calendar_limits: Limits::CALENDAR,
        })
    }
}

/// `CALENDAR_PUSH`: `on` has Calendar tell this server, by https at `PUBLIC_URL`, that something has changed; `off` does
/// not. When not set, it is on unless `PUBLIC_URL` is one of this machine, which only a Calendar on this machine reaches.
fn push_address(vars: &mut Vars<'_>, public_url: &Url, calendar_url: &Url) -> Option<Url> {
    let is_reached = !is_loopback(public_url) || is_loopback(calendar_url);
    let is_on = match vars.text("CALENDAR_PUSH").as_deref() {
        None => is_reached,
        Some("on") if is_reached => true,
        Some("on") => {
            let what = "can't be on: Google does not reach PUBLIC_URL, which is an address of this machine";
            vars.mistake("CALENDAR_PUSH", what);
            false
        }
        Some("off") => false,
        Some(_) => {
            vars.mistake("CALENDAR_PUSH", "must be on or off");
            false
        }
    };
    is_on.then(|| at_push_path(public_url))
}

/// Where Calendar tells a server that is reached at this address.
pub fn at_push_path(public_url: &Url) -> Url {
    let mut address = public_url.clone();
    address.set_path(PUSH_PATH);
    address
}

fn url(vars: &mut Vars<'_>, name: &str, default: &str) -> Url {
    let default = Url::parse(default).unwrap_or_else(|_| unreachable!("the default is a URL"));
    let url = vars.parsed(name, default.clone(), "a URL");
    if is_secure(&url) {
        return url;
    }
    vars.mistake(name, INSECURE);
    default
}

const INSECURE: &str = "must be https, or http on a loopback address";

/// An address that must be given.
pub(super) fn required_url(vars: &mut Vars<'_>, name: &str) -> Url {
    let text = vars.required(name, "an address such as https://id.school.edu/realms/main");
    let fallback = || Url::parse("https://invalid").unwrap_or_else(|_| unreachable!("a URL"));
    match Url::parse(&text) {
        Ok(url) if is_secure(&url) => return url,
        _ if text.is_empty() => {}
        Ok(_) => vars.mistake(name, INSECURE),
        Err(_) => vars.mistake(name, "must be a URL"),
    }
    fallback()
}

fn is_secure(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}
