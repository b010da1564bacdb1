//! Sign-in and Calendar.

use super::Vars;
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
    /// redirect URI is `PUBLIC_URL/v1/auth/callback`. Required unless `SIGN_IN=off`.
    /// `SIGN_IN`: `off` starts the server without a way to sign in; `google` when not set.
    /// `OIDC_ISSUER`: `https://accounts.google.com` when not set.
    /// `GOOGLE_CALENDAR_URL`: `https://www.googleapis.com` when not set.
    pub fn load(vars: &mut Vars<'_>) -> Option<Self> {
        match vars.text("SIGN_IN").as_deref() {
            None | Some("google") => {}
            Some("off") => return None,
            Some(_) => vars.mistake("SIGN_IN", "must be google or off"),
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
    if url.scheme() == "https" {
        return url;
    }
    vars.mistake(name, "must be https");
    default
}
