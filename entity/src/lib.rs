//! The tables as SeaORM entities, one file per table, and the ids. No queries and no HTTP.
#![allow(
    missing_docs,
    reason = "a column says what it is by its name, or has a comment"
)]

pub mod app_key;
pub mod booking;
pub mod busy_span;
pub mod calendar;
pub mod calendar_channel;
pub mod centre;
pub mod date_override;
pub mod event_span;
pub mod google_grant;
pub mod grant_revocation;
pub mod guardianship;
pub mod holiday;
pub mod holiday_calendar;
pub mod id;
pub mod idempotency_key;
pub mod identity;
pub mod invitation;
pub mod job;
pub mod lesson;
pub mod offer;
pub mod pushed_request;
pub mod series;
pub mod session;
pub mod sign_in_code;
pub mod subject;
pub mod subject_level;
pub mod third_party_app;
pub mod time_off;
pub mod tutor;
pub mod tutor_holiday_calendar;
pub mod user;
pub mod user_role;
pub mod waitlist_entry;
pub mod weekly_rule;
