//! Sign-in with Google (or any OpenID Connect provider) and Google Calendar, behind types of our own.
//!
//! | to do this | use |
//! | --- | --- |
//! | send somebody to the provider and find out who came back | [`SignIn`] |
//! | have a valid access token of a user at hand | [`AccessTokens`] |
//! | read and write somebody's calendars | [`Calendar`] |
//!
//! Everything is asynchronous, takes the present time as an argument where time decides something, is bounded in
//! time, tries and memory by [`Limits`], and fails with one [`Error`]. No type of the underlying client crates leaves
//! this crate, and no secret shows in a `Debug` output, an error or a trace.
//!
//! The wire facts quoted in these pages come from Google's discovery document of Calendar v3 and from
//! <https://developers.google.com/identity/openid-connect/openid-connect>,
//! <https://developers.google.com/workspace/calendar/api/guides/errors> and their neighbours.

mod access_tokens;
mod address;
mod calendar;
mod error;
mod http;
mod limits;
mod retry;
pub mod scope;
mod sign_in;

pub use access_tokens::{AccessTokens, TokenError};
pub use calendar::{
    AccessRole, Attendee, AttendeeResponse, BusySpan, Calendar, CalendarEntry, Channel, Event,
    EventChanges, EventStatus, EventSync, EventTime, EventType, FreeBusy, ListedEvent, NewChannel,
    NewEvent, Outdated, SyncToken, event_id, lesson_of_event,
};
pub use error::Error;
pub use http::http_client;
pub use limits::Limits;
pub use sign_in::{
    AccessToken, Ask, AuthorizationRequest, AuthorizationResponse, Authorized, Identity,
    PendingAuthorization, ProviderConfig, Refreshed, SignIn,
};
