//! Who may sign in, and where: OpenID Connect providers beside Google.

use super::{Google, Vars, google};
use ::google::Limits;
use secrecy::SecretString;
use url::Url;

/// How sign-in is set up, beside what [`Google`] says.
#[derive(Clone, Debug, Default)]
pub struct SignIn {
    /// In the order in which people are offered them.
    pub providers: Vec<Provider>,
    /// If any, only people of these domains may sign up. In lower case.
    pub sign_up_domains: Vec<String>,
}

/// A provider beside Google.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Part of the redirect URI, `PUBLIC_URL/v1/auth/callback/ID`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Everything else is discovered there.
    pub issuer: Url,
    pub client_id: String,
    pub client_secret: SecretString,
    /// Not read from the environment.
    pub limits: Limits,
}

/// The id of Google among the providers.
pub const GOOGLE: &str = "google";

const LONGEST_ID: usize = 20;

const LONGEST_NAME: usize = 100;

impl SignIn {
    /// `OIDC_PROVIDERS`: ids of OpenID Connect providers beside Google, such as `keycloak,school`; none when not set.
    /// `OIDC_<ID>_NAME`, `OIDC_<ID>_ISSUER`, `OIDC_<ID>_CLIENT_ID`, `OIDC_<ID>_CLIENT_SECRET`: what each is, with its
    /// id in upper case and `_` for `-`. All are required.
    /// `SIGN_UP_DOMAINS`: such as `school.edu,example.org`; if set, only people of these domains may sign up.
    pub fn load(vars: &mut Vars<'_>) -> Self {
        let mut providers: Vec<Provider> = Vec::new();
        for id in list(vars, "OIDC_PROVIDERS") {
            if !is_id(&id) || id == GOOGLE {
                let what = "must be ids of lower-case letters, digits and -, at most 20, and none of them google";
                vars.mistake("OIDC_PROVIDERS", what);
            } else if providers
                .iter()
                .any(|other| prefix(&other.id) == prefix(&id))
            {
                vars.mistake("OIDC_PROVIDERS", "must name each provider once");
            } else {
                providers.push(Provider::load(vars, id));
            }
        }
        Self {
            providers,
            sign_up_domains: sign_up_domains(vars),
        }
    }

    /// Two clients of one issuer would make one person two, or let one provider speak for another.
    pub(super) fn check_issuers(&self, vars: &mut Vars<'_>, google: Option<&Google>) {
        // A slash at the end makes no other issuer.
        let issuer = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
        let mut seen: Vec<_> = google.iter().map(|google| issuer(&google.issuer)).collect();
        for provider in &self.providers {
            let issuer = issuer(&provider.issuer);
            if seen.contains(&issuer) {
                let name = variable(&provider.id, "ISSUER");
                vars.mistake(&name, "must not be the issuer of another provider");
            }
            seen.push(issuer);
        }
    }
}

impl Provider {
    fn load(vars: &mut Vars<'_>, id: String) -> Self {
        let variable = |what| variable(&id, what);
        let name = vars.required(&variable("NAME"), "what people call the provider");
        if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            vars.mistake(
                &variable("NAME"),
                "must be one line of at most 100 characters",
            );
        }
        let why = "given by the provider, with PUBLIC_URL/v1/auth/callback/ID as its redirect URI";
        Self {
            issuer: google::required_url(vars, &variable("ISSUER")),
            client_id: vars.required(&variable("CLIENT_ID"), why),
            client_secret: vars.required(&variable("CLIENT_SECRET"), why).into(),
            limits: Limits::SIGN_IN,
            name,
            id,
        }
    }
}

fn prefix(id: &str) -> String {
    format!("OIDC_{}", id.to_ascii_uppercase().replace('-', "_"))
}

fn variable(id: &str, what: &str) -> String {
    format!("{}_{what}", prefix(id))
}

fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn sign_up_domains(vars: &mut Vars<'_>) -> Vec<String> {
    let mut domains = list(vars, "SIGN_UP_DOMAINS");
    for domain in &mut domains {
        domain.make_ascii_lowercase();
    }
    let is_domain = |text: &str| {
        text.split('.').count() > 1
            && text.split('.').all(|label| !label.is_empty())
            && !text.contains(['@', '*', '/', ' '])
    };
    if !domains.iter().all(|domain| is_domain(domain)) {
        vars.mistake(
            "SIGN_UP_DOMAINS",
            "must be domains, such as school.edu,example.org",
        );
    }
    domains
}

fn list(vars: &Vars<'_>, name: &str) -> Vec<String> {
    let text = vars.text(name).unwrap_or_default();
    let items = text.split(',').map(|item| item.trim().to_owned());
    // Nothing at all is no list of one empty item.
    items.filter(|_| !text.is_empty()).collect()
}
