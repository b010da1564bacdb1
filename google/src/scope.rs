//! The OAuth 2.0 scopes that the service asks for, and why.
//!
//! The smallest set that does the work, split in two so that only tutors are ever asked for their calendar
//! (incremental authorisation, <https://developers.google.com/identity/protocols/oauth2/web-server#incrementalAuth>).
//! Which method accepts which scope is in the discovery document of Calendar v3, `methods.*.scopes`.

/// Makes the answer an OpenID Connect one: there is an ID token.
pub const OPENID: &str = "openid";

/// The e-mail address, as a claim of the ID token.
pub const EMAIL: &str = "email";

/// Name, picture and locale, as claims of the ID token.
pub const PROFILE: &str = "profile";

/// Read and write events on calendars that the user owns: insert, list, patch, delete, watch.
///
/// Not enough for free/busy nor for the list of calendars.
pub const CALENDAR_EVENTS_OWNED: &str = "https://www.googleapis.com/auth/calendar.events.owned";

/// Ask when the user's calendars are busy, without seeing what with.
pub const CALENDAR_FREEBUSY: &str = "https://www.googleapis.com/auth/calendar.freebusy";

/// See which calendars the user has, so that they may choose which ones block.
pub const CALENDAR_CALENDARLIST_READONLY: &str =
    "https://www.googleapis.com/auth/calendar.calendarlist.readonly";

/// Asked of everybody who signs in.
pub const SIGN_IN: &[&str] = &[OPENID, EMAIL, PROFILE];

/// Asked in addition of a tutor who connects a calendar.
///
/// Consent is granular: the user may untick any of these, so compare with what was granted
/// ([`Authorized::granted_scopes`](crate::Authorized::granted_scopes)).
pub const CALENDAR: &[&str] = &[
    CALENDAR_EVENTS_OWNED,
    CALENDAR_FREEBUSY,
    CALENDAR_CALENDARLIST_READONLY,
];
