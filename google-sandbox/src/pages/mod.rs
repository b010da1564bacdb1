//! The pages for developers: who is here, what the control plane does, and each person's calendar.

mod calendar;

use std::{fmt::Write, sync::Arc};

use axum::{
    Router,
    extract::{Path, State as Shares},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};

use crate::{
    html::{self, escape},
    shared::Shared,
    types::subject,
};

/// The control plane in words: path, body, what it does.
const COMMANDS: [(&str, &str, &str); 11] = [
    (
        "POST reset",
        "",
        "Empty calendars, no grants, no failures, a running clock. People and clients stay; sync tokens expire.",
    ),
    (
        "POST mint",
        r#"{"email": "tutor@example.com", "scopes": ["…"], "client_id": "…"}"#,
        "An access and a refresh token without signing in. All but the address may be left out; an unknown person is added (name, time_zone).",
    ),
    (
        "POST clock",
        r#"{"now": "2027-03-28T00:30:00Z"}"#,
        "Stops the clock at an instant; without one it runs again.",
    ),
    (
        "POST expire-sync-tokens",
        "",
        "Every sync token issued so far answers 410 fullSyncRequired.",
    ),
    (
        "POST fail",
        r#"{"target": "calendar", "method": "POST", "path": "/events", "count": 2, "status": 503, "reason": "backendError", "retry_after": 1}"#,
        "The next requests that match are refused. Targets: all, calendar, token, discovery, jwks, user_info, revoke, authorization. \"query\" is a part of the query. A count of -1 lasts until cleared. With \"hang_ms\" the answer is late instead. With \"after\": true the change is applied first; then, without a status, the connection is dropped. With \"held\": true the connection is dropped, and the request is carried out on release.",
    ),
    ("POST clear-failures", "", "Forgets every planned failure."),
    (
        "POST release",
        "",
        "Carries out the requests that are held, the oldest first, and tells the statuses that nobody was told.",
    ),
    (
        "POST revoke",
        r#"{"email": "tutor@example.com", "client_id": "…"}"#,
        "Takes back what the person allowed: that client, or all.",
    ),
    (
        "POST meets",
        r#"{"new": "pending", "settle": true}"#,
        "New Meet links are there at_once, pending, or refused; those that are pending are made, or fail.",
    ),
    (
        "POST pushes",
        r#"{"lose": 1, "repeat": 0}"#,
        "Loses the next pushes, or delivers them twice. -1 means all from now on.",
    ),
    (
        "GET requests",
        "",
        "The requests served so far: method, path, query, status.",
    ),
];

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(index))
        .route("/calendar", get(calendar::show))
        .route("/calendar/busy", post(calendar::busy))
        .route("/calendar/delete", post(calendar::delete))
        .route("/calendar/respond", post(calendar::respond))
        .route("/picture/{subject}", get(picture))
}

async fn index(Shares(shared): Shares<Arc<Shared>>) -> Response {
    let (accounts, clients) = shared.read(|state| (state.accounts.clone(), state.clients.clone()));
    let mut content = String::from(
        "<h1>Google sandbox</h1><p>Sign-in and Calendar for development and tests on this machine. \
         Nothing here reaches Google, and no message leaves this machine.</p><h2>People</h2><ul>",
    );
    for account in &accounts {
        let _ = write!(
            content,
            "<li><a href=\"/calendar?email={}\">{}</a> <span class=\"muted\">{}, {}</span></li>",
            url::form_urlencoded::byte_serialize(account.email.as_bytes()).collect::<String>(),
            escape(&account.name),
            escape(&account.email),
            account.time_zone.name(),
        );
    }
    content.push_str("</ul><h2>Applications</h2><ul>");
    for client in &clients {
        let _ = write!(content, "<li><code>{}</code><ul>", escape(&client.id));
        for uri in &client.redirect_uris {
            let _ = write!(content, "<li><code>{}</code></li>", escape(uri));
        }
        content.push_str("</ul></li>");
    }
    let _ = write!(
        content,
        "</ul><h2>Where to point a program</h2><ul>\
         <li>Issuer: <code>{origin}</code> (<a href=\"/.well-known/openid-configuration\">discovery</a>)</li>\
         <li>Calendar API: <code>{origin}/calendar/v3/</code></li></ul>\
         <h2>Control plane</h2><p>JSON, below <code>{origin}/_control/</code>; an empty body stands for <code>{{}}</code>.</p>\
         <table><thead><tr><th scope=\"col\">Command</th><th scope=\"col\">What it does</th></tr></thead><tbody>",
        origin = escape(&shared.origin)
    );
    for (command, body, words) in COMMANDS {
        let _ = write!(
            content,
            "<tr><td><code>{}</code></td><td>{}",
            escape(command),
            escape(words)
        );
        if !body.is_empty() {
            let _ = write!(content, "<br><code>{}</code>", escape(body));
        }
        content.push_str("</td></tr>");
    }
    content.push_str("</tbody></table>");
    html::page(StatusCode::OK, "Google sandbox", false, &content)
}

/// The picture of a person: their initial.
async fn picture(Shares(shared): Shares<Arc<Shared>>, Path(wanted): Path<String>) -> Response {
    let initial = shared.read(|state| {
        let account = state
            .accounts
            .iter()
            .find(|a| subject(&a.email) == wanted)?;
        account.name.chars().next()
    });
    let Some(initial) = initial else {
        return html::message(
            StatusCode::NOT_FOUND,
            "Not found",
            "There is nobody here by that name.",
        );
    };
    let picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 96 96\"><rect width=\"96\" height=\"96\" fill=\"#5f6368\"/>\
         <text x=\"48\" y=\"65\" font-family=\"sans-serif\" font-size=\"48\" fill=\"#fff\" text-anchor=\"middle\">{}</text></svg>",
        escape(&initial.to_uppercase().to_string())
    );
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, picture).into_response()
}
