//! Probes, and the front door.

use crate::{
    app::App,
    error::Error,
    http::{
        extract::{NoQuery, Query},
        openapi::Faults,
    },
    service,
};
use axum::{Json, extract::State, response::Redirect};
use serde::Serialize;
use utoipa::ToSchema;

/// That all is well.
#[derive(Serialize, ToSchema)]
pub struct Health {
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
}

/// Is the process alive?
///
/// Says nothing of the database: a process that can't reach it must not be killed for that.
#[utoipa::path(get, path = "/livez", tag = "health", operation_id = "livez", security(()),
    responses((status = 200, description = "It is.", body = Health), Faults))]
pub async fn livez(_: Query<NoQuery>) -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Can the server do its work?
///
/// Whether the database can be reached and has had every migration.
#[utoipa::path(get, path = "/readyz", tag = "health", operation_id = "readyz", security(()),
    responses((status = 200, description = "It can.", body = Health), Faults))]
pub async fn readyz(State(app): State<App>, _: Query<NoQuery>) -> Result<Json<Health>, Error> {
    service::health::check(&app).await?;
    Ok(Json(Health { status: "ok" }))
}

/// `/` leads to the documentation.
pub async fn home() -> Redirect {
    Redirect::to("/docs/")
}
