//! Large answers.

use crate::error::Error;
use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// An answer that is about `length` bytes long. It is written without growing on the way.
pub fn json(body: &impl Serialize, length: usize) -> Result<Response, Error> {
    let mut text = Vec::with_capacity(length + length / 8 + 1024);
    serde_json::to_writer(&mut text, body).map_err(Error::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}
