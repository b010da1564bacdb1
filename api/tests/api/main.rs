//! The API as people use it: over HTTP, against a real Postgres and the stand-in for Google.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod bookings;
mod constraints;
mod idempotency;
mod kill;
mod layering;
mod openapi;
mod races;
mod support;
