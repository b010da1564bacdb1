//! Terms of the centre, within which quotas count.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Admin, Allowed},
        etag::{IfMatch, edited, etag},
        extract::{DryRun, Json, NoQuery, Query},
        local_time, object,
        openapi::{BadBody, Faults, NotAdmin, NotSignedIn, Precondition},
        validate,
    },
    service::quota::{self, MOST_TERMS},
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::NaiveDate;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whole days in the zone of the centre.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Term {
    #[garde(custom(validate::line(1, 200)))]
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Autumn 2026"
    )]
    name: String,
    #[garde(skip)]
    #[schema(example = "2026-09-01")]
    first_date: NaiveDate,
    /// This day is of the term too.
    #[garde(skip)]
    #[schema(example = "2026-12-18")]
    last_date: NaiveDate,
}

impl From<quota::Term> for Term {
    fn from(term: quota::Term) -> Self {
        Self {
            name: term.name,
            first_date: term.first_date,
            last_date: term.last_date,
        }
    }
}

/// All terms.
#[derive(Serialize, ToSchema)]
pub struct TermList {
    /// By date.
    items: Vec<Term>,
}

impl From<Vec<quota::Term>> for TermList {
    fn from(terms: Vec<quota::Term>) -> Self {
        Self {
            items: terms.into_iter().map(Term::from).collect(),
        }
    }
}

/// List the terms.
///
/// At most 200, so there are no pages. They have the `ETag` of the centre's policy.
#[utoipa::path(get, path = "/v1/centre/terms", tag = "centre", operation_id = "list_terms",
    security(("session" = [])),
    responses((status = 200, description = "All terms.", body = TermList, headers(("ETag" = String))), NotSignedIn, Faults))]
pub async fn list(
    State(app): State<App>,
    _: Allowed,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let (terms, version) = quota::terms(&app).await?;
    Ok((etag(version), axum::Json(TermList::from(terms))).into_response())
}

/// All terms that there are to be.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTerms {
    /// None has a day of another.
    #[garde(custom(validate::items(0, MOST_TERMS)), dive)]
    #[serde(deserialize_with = "object::list")]
    #[schema(max_items = 200)]
    terms: Vec<Term>,
}

/// Replace the terms.
///
/// For admins. All terms at once.
#[utoipa::path(put, path = "/v1/centre/terms", tag = "centre", operation_id = "replace_terms",
    security(("session" = [])),
    params(("If-Match" = String, Header, description = "The ETag of what was read."), DryRun),
    request_body = NewTerms,
    responses((status = 200, description = "All terms as they are now.", body = TermList, headers(("ETag" = String))),
        NotSignedIn, NotAdmin, BadBody, Precondition, Faults))]
pub async fn replace(
    State(app): State<App>,
    _: Admin,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<NewTerms>,
) -> Result<Response, Error> {
    let (_, current) = quota::terms(&app).await?;
    let version = if_match.choose(current)?;
    let terms = new.terms.into_iter().enumerate().map(|(at, term)| {
        let field = format!("terms[{at}].last_date");
        let dates = local_time::dates(term.first_date, term.last_date, &field)?;
        Ok(quota::Term {
            name: term.name,
            first_date: dates.first,
            last_date: dates.last,
        })
    });
    let terms = validate::all(terms)?;
    let terms = quota::replace_terms(&app, version, &terms, dry_run).await?;
    Ok(edited(version, dry_run, TermList::from(terms)))
}
