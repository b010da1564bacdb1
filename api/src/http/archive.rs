//! Archives to be saved to a file.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use utoipa::ToSchema;

/// A zip archive.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Archive(
    #[expect(dead_code, reason = "describes the body for the OpenAPI document")] Vec<u8>,
);

/// Personal data: nothing on the way keeps it.
pub fn answer(archive: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"tutoring-data.zip\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, archive).into_response()
}
