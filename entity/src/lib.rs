//! The tables as SeaORM entities, one file per table, and the ids. No queries and no HTTP.
#![allow(
    missing_docs,
    reason = "a column says what it is by its name, or has a comment"
)]

pub mod booking;
pub mod busy_span;
pub mod google_grant;
pub mod id;
pub mod idempotency_key;
pub mod identity;
pub mod job;
pub mod lesson;
pub mod offer;
pub mod session;
pub mod subject;
pub mod subject_level;
pub mod tutor;
pub mod user;
pub mod user_role;
pub mod weekly_rule;
