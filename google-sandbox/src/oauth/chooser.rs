//! The pages of the authorization endpoint: account chooser, consent, refusal.

use std::{fmt::Write, sync::Arc};

use axum::{
    body::Bytes,
    extract::{RawQuery, State as Shares},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use url::Url;

use super::{
    Flow, authorize,
    authorize::{AuthRequest, Refusal, Step},
    scopes,
};
use crate::{
    html::{self, escape},
    server,
    shared::Shared,
    state::State,
    types::Account,
};

/// `GET /o/oauth2/v2/auth`
pub(crate) async fn open(
    Shares(shared): Shares<Arc<Shared>>,
    RawQuery(query): RawQuery,
) -> Response {
    let opened = shared.write(|state| {
        let request = authorize::check(state, &query.unwrap_or_default())?;
        let id = authorize::begin(state, request.clone())?;
        Ok((id, request, state.accounts.clone()))
    });
    match opened {
        Ok((id, request, accounts)) => choose_page(&id, &request, &accounts),
        Err(Refusal::Redirect(url)) => redirect(&url),
        Err(Refusal::Page { error, why }) => html::message(
            StatusCode::BAD_REQUEST,
            &format!("Access blocked: {error}"),
            &why,
        ),
    }
}

/// `POST /o/oauth2/v2/auth/account`: an account, or Cancel.
pub(crate) async fn account(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    step(&shared, &headers, &body, |state, id, flow, form| {
        if form.is_cancelled() {
            state.flows.remove(id);
            return Some(redirect(&authorize::deny(&flow.request)));
        }
        let email = authorize::find_account(state, form.first("email")?)?;
        Some(match authorize::choose(state, &flow.request, &email) {
            Step::Done(url) => {
                state.flows.remove(id);
                redirect(&url)
            }
            Step::Consent(ask) => {
                if let Some(flow) = state.flows.get_mut(id) {
                    flow.email = Some(email.clone());
                }
                consent_page(id, &flow.request, &email, &ask)
            }
        })
    })
}

/// `POST /o/oauth2/v2/auth/consent`: the ticked scopes, or Cancel.
pub(crate) async fn consent(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    step(&shared, &headers, &body, |state, id, flow, form| {
        let email = flow.email.as_deref()?;
        state.flows.remove(id);
        if form.is_cancelled() {
            return Some(redirect(&authorize::deny(&flow.request)));
        }
        let ticked = form.all("scope");
        Some(redirect(&authorize::consent(
            state,
            &flow.request,
            email,
            &ticked,
        )))
    })
}

/// The fields of a posted form.
struct Form(Vec<(String, String)>);

impl Form {
    fn first(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(field, _)| field == name)?;
        Some(value)
    }

    fn all(&self, name: &str) -> Vec<String> {
        let hits = self.0.iter().filter(|(field, _)| field == name);
        hits.map(|(_, value)| value.clone()).collect()
    }

    fn is_cancelled(&self) -> bool {
        self.first("action") == Some("cancel")
    }
}

/// Runs one step of a flow that is still open.
fn step(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    body: &[u8],
    run: impl FnOnce(&mut State, &str, &Flow, &Form) -> Option<Response>,
) -> Response {
    if !server::is_same_site(headers) {
        return html::message(
            StatusCode::FORBIDDEN,
            "Refused",
            "This form was sent from another site.",
        );
    }
    let form = Form(serde_urlencoded::from_bytes(body).unwrap_or_default());
    let response = shared.write(|state| {
        let id = form.first("flow")?.to_owned();
        let now = state.now();
        let flow = state.flows.get(&id).filter(|flow| flow.expires > now)?;
        let flow = flow.clone();
        run(state, &id, &flow, &form)
    });
    response.unwrap_or_else(|| {
        html::message(
            StatusCode::BAD_REQUEST,
            "This sign-in has ended",
            "Go back to the application and sign in again.",
        )
    })
}

fn redirect(url: &Url) -> Response {
    let headers = [
        (header::LOCATION, url.as_str()),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn choose_page(id: &str, request: &AuthRequest, accounts: &[Account]) -> Response {
    let hint = request.login_hint.as_deref().unwrap_or_default();
    let hinted = |account: &Account| {
        account.email.eq_ignore_ascii_case(hint) || crate::subject(&account.email) == hint
    };
    // A hinted account comes first and is what Enter would press.
    let (first, rest): (Vec<&Account>, Vec<&Account>) =
        accounts.iter().partition(|account| hinted(account));
    let mut content = format!(
        "<h1>Choose an account</h1><p class=\"muted\">to continue to <strong>{}</strong></p>\
         <form method=\"post\" action=\"/o/oauth2/v2/auth/account\">\
         <input type=\"hidden\" name=\"flow\" value=\"{}\">",
        escape(&request.client),
        escape(id)
    );
    for account in first.iter().chain(&rest) {
        let main = if hinted(account) { " main" } else { "" };
        let focus = if hinted(account) { " autofocus" } else { "" };
        let _ = write!(
            content,
            "<button class=\"person{main}\" name=\"email\" value=\"{email}\"{focus}>\
             <span>{name}</span><span class=\"muted\">{email}</span></button>",
            email = escape(&account.email),
            name = escape(&account.name),
        );
    }
    content.push_str(
        "<div class=\"row\"><button name=\"action\" value=\"cancel\">Cancel</button></div></form>",
    );
    html::page(StatusCode::OK, "Choose an account", true, &content)
}

fn consent_page(id: &str, request: &AuthRequest, email: &str, ask: &[String]) -> Response {
    let mut content = format!(
        "<h1>{client} wants access to your account</h1><p class=\"muted\">{email}</p>\
         <form method=\"post\" action=\"/o/oauth2/v2/auth/consent\">\
         <input type=\"hidden\" name=\"flow\" value=\"{id}\">\
         <p>Select what <strong>{client}</strong> may do. Untick a box to try partial consent.</p>",
        client = escape(&request.client),
        email = escape(email),
        id = escape(id),
    );
    for scope in ask {
        let _ = write!(
            content,
            "<label class=\"box\"><input type=\"checkbox\" name=\"scope\" value=\"{scope}\" checked>\
             <span>{words}<code class=\"muted\">{scope}</code></span></label>",
            scope = escape(scope),
            words = escape(scopes::describe(scope).unwrap_or("Something else")),
        );
    }
    content.push_str(
        "<div class=\"row\"><button name=\"action\" value=\"cancel\">Cancel</button>\
         <button class=\"main\" name=\"action\" value=\"continue\">Continue</button></div></form>",
    );
    html::page(StatusCode::OK, "Consent", true, &content)
}
