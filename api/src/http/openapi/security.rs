//! Says of every operation by what a request may say who asks, and which scope a third-party app needs.

use super::{operations, problem};
use crate::{http::scope, service::app_key::Scope};
use axum::http::StatusCode;
use std::fmt::Write;
use utoipa::openapi::{
    OpenApi,
    security::{
        ApiKey, ApiKeyValue, ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes,
        SecurityRequirement, SecurityScheme,
    },
};

const INTRODUCTION: &str = "\n\n**Who asks.** People send the cookie of their session or, from frontends on another site, its token \
    as `Authorization: Bearer`. Third-party apps send their key (`tsk_…`), or an access token for it (`tsa_…`, from \
    `/v1/auth/token`), as `Authorization: Bearer`; they may call only the operations that name a scope. Beside a bearer token, \
    cookies don't count.\n\n| scope | |\n| --- | --- |";

pub fn describe(document: &mut OpenApi) {
    let description = document.info.description.get_or_insert_default();
    description.push_str(INTRODUCTION);
    for scope in Scope::ALL {
        let _ = write!(
            description,
            "\n| `{}` | {} |",
            scope.name(),
            scope.description()
        );
    }
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let security = operation.security.get_or_insert_default();
            if !security.iter().any(|one| *one == session()) {
                continue;
            }
            security.push(SecurityRequirement::new("bearer", NONE));
            let scope = scope::of(&method, path);
            if let Some(scope) = scope {
                security.push(SecurityRequirement::new("app_key", [scope.name()]));
                security.push(SecurityRequirement::new("app_token", [scope.name()]));
            }
            let (code, description) = if scope.is_some() {
                (
                    "insufficient_scope",
                    "A third-party app asked whose key lacks the scope.",
                )
            } else {
                (
                    "people_only",
                    "A third-party app asked, and only people may.",
                )
            };
            let (status, refusal) = problem(StatusCode::FORBIDDEN, code, description);
            let responses = &mut operation.responses.responses;
            responses.entry(status).or_insert(refusal);
        }
    }
    let components = document.components.get_or_insert_default();
    for (name, scheme) in schemes() {
        components.add_security_scheme(name, scheme);
    }
}

const NONE: [&str; 0] = [];

fn session() -> SecurityRequirement {
    SecurityRequirement::new("session", NONE)
}

fn schemes() -> [(&'static str, SecurityScheme); 4] {
    let cookie = "Set by signing in at /v1/auth/sign-in. On plain http, which is accepted on loopback only, its name is \
                  session.";
    let cookie = ApiKeyValue::with_description("__Host-session", cookie);
    let bearer = |description| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        SecurityScheme::Http(scheme.description(Some(description)).build())
    };
    let scopes = Scope::ALL.map(|scope| (scope.name(), scope.description()));
    let flow = ClientCredentials::new("/v1/auth/token", Scopes::from_iter(scopes));
    [
        ("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie))),
        (
            "bearer",
            bearer("The token of a session, from /v1/auth/token."),
        ),
        ("app_key", bearer("The key of a third-party app, tsk_….")),
        (
            "app_token",
            SecurityScheme::OAuth2(OAuth2::with_description(
                [Flow::ClientCredentials(flow)],
                "For a third-party app: its key in two halves as client_id and client_secret.",
            )),
        ),
    ]
}
