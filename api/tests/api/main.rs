//! The API as people use it: over HTTP, against a real Postgres and the stand-in for Google.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod auth;
mod auth_coverage;
mod bookings;
mod busy_time;
mod calendar_connection;
mod config;
mod constraints;
mod crowding;
mod double_bookings;
mod end_date;
mod explain;
mod holiday_calendars;
mod idempotency;
mod kill;
mod late_inserts;
mod layering;
mod malformed;
mod me;
mod migrations;
mod offers;
mod openapi;
mod outage;
mod overrides;
mod policy;
mod query_plans;
mod races;
mod rate_limit;
mod refusals;
mod slot_search;
mod slots;
mod subjects;
mod support;
mod time_off;
mod tutors;
mod weekly_rules;
