//! What the sandbox promises, over real HTTP.

mod attendees;
mod calendars;
mod control;
mod failures;
mod oauth;
mod pages;
mod persistence;
mod push;
mod series;
mod support;
