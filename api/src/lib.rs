//! The tutoring scheduler's server.
//!
//! One rule of direction: `main` -> [`http`], [`jobs`] -> [`service`] -> `store` and the `google`
//! crate -> `entity` and `scheduling`. Never back, never sideways. `tests/api/layering.rs` enforces it.
#![allow(
    missing_docs,
    reason = "the only reader of these items is this crate; what a name cannot say stands in a comment"
)]

pub mod admin;
pub mod app;
pub mod breaker;
pub mod clock;
pub mod config;
pub mod database;
pub mod error;
pub mod http;
pub mod jobs;
#[cfg(feature = "local")]
pub mod local;
pub mod origin;
pub mod reconcile;
pub mod seal;
pub mod server;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod turns;
