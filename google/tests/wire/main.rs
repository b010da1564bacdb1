//! What goes over the wire, against a server that plays the provider and Calendar by a script, and against the stand-in for
//! Google.

#![allow(clippy::unwrap_used)]

mod access_tokens;
mod any_provider;
mod busy;
mod calendar;
mod calendar_failures;
mod change;
mod discovery;
mod events;
mod id_token;
mod push;
mod sign_in;
mod stand_in;
mod support;
