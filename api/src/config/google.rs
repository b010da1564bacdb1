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
}

impl Google {
    /// `GOOGLE_CLIENT_ID`, `GOOGLE_CLIENT_SECRET`: the OAuth client ("Web application"), whose authorised
    /// redirect URI is `PUBLIC_URL/v1/auth/callback`. Required where there is no other provider, or `SIGN_IN=google`.
    /// `OIDC_ISSUER`: `https://accounts.google.com` when not set.
    /// `GOOGLE_CALENDAR_URL`: `https://www.googleapis.com` when not set.
    pub fn load(vars: &mut Vars<'_>, is_optional: bool) -> Option<Self> {
        let client = ["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"];
        if is_optional && client.iter().all(|name| vars.text(name).is_none()) {
            return None;
        }
        let why = "the OAuth client from the Google Cloud console (SIGN_IN=off starts without one)";
        Some(Self {
            issuer: url(vars, "OIDC_ISSUER", "https://accounts.google.com"),
            client_id: vars.required("GOOGLE_CLIENT_ID", why),
            client_secret: vars.required("GOOGLE_CLIENT_SECRET", why).into(),
            calendar_url: url(vars, "GOOGLE_CALENDAR_URL", "https://www.googleapis.com"),
            sign_in_limits: Limits::SIGN_IN,
            calendar_limits: Limits::CALENDAR,
        })
    }
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
