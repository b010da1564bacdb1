//! The names of scopes and what each allows, in words for the consent page.

use std::collections::BTreeSet;

/// The prefix of Google's API scopes.
const PREFIX: &str = "https://www.googleapis.com/auth/";

/// Every scope of the Calendar API, with Google's words for it.
const CALENDAR: [(&str, &str); 18] = [
    (
        "calendar",
        "See, edit, share and permanently delete all the calendars you can access",
    ),
    (
        "calendar.readonly",
        "See and download any calendar you can access",
    ),
    (
        "calendar.events",
        "View and edit events on all your calendars",
    ),
    (
        "calendar.events.readonly",
        "View events on all your calendars",
    ),
    (
        "calendar.events.owned",
        "See, create, change and delete events on calendars you own",
    ),
    (
        "calendar.events.owned.readonly",
        "See the events on calendars you own",
    ),
    (
        "calendar.events.public.readonly",
        "See the events on public calendars",
    ),
    (
        "calendar.events.freebusy",
        "See the availability on calendars you have access to",
    ),
    (
        "calendar.freebusy",
        "View your availability in your calendars",
    ),
    (
        "calendar.calendarlist",
        "See, add and remove calendars you're subscribed to",
    ),
    (
        "calendar.calendarlist.readonly",
        "See the list of calendars you're subscribed to",
    ),
    (
        "calendar.calendars",
        "See and change the properties of calendars, and create secondary calendars",
    ),
    (
        "calendar.calendars.readonly",
        "See the title, description and time zone of calendars",
    ),
    (
        "calendar.acls",
        "See and change the sharing permissions of calendars you own",
    ),
    (
        "calendar.acls.readonly",
        "See the sharing permissions of calendars you own",
    ),
    (
        "calendar.app.created",
        "Make secondary calendars, and see, create, change and delete events on them",
    ),
    ("calendar.settings.readonly", "View your Calendar settings"),
    ("calendar.addons.execute", "Run as a Calendar add-on"),
];

/// Is it one of the sign-in scopes, for which no box is shown?
pub(crate) fn is_basic(scope: &str) -> bool {
    matches!(scope, "openid" | "email" | "profile")
        || matches!(
            scope.strip_prefix(PREFIX),
            Some("userinfo.email" | "userinfo.profile")
        )
}

/// What a scope allows, or nothing if there is no such scope.
pub(crate) fn describe(scope: &str) -> Option<&'static str> {
    if is_basic(scope) {
        return Some("See your name, e-mail address and picture");
    }
    let name = scope.strip_prefix(PREFIX)?;
    let (_, words) = CALENDAR.iter().find(|(known, _)| *known == name)?;
    Some(words)
}

/// The full name under which Google grants a scope: `email` is answered as `…/auth/userinfo.email`.
pub(crate) fn canonical(scope: &str) -> String {
    match scope {
        "email" | "profile" => format!("{PREFIX}userinfo.{scope}"),
        other => other.to_owned(),
    }
}

/// Does a grant hold the scope with this short name, such as `calendar.events`?
pub(crate) fn holds(scopes: &BTreeSet<String>, short: &str) -> bool {
    scopes
        .iter()
        .any(|scope| scope.strip_prefix(PREFIX).unwrap_or(scope) == short)
}

/// The scopes of a mint without a list: sign-in and the whole calendar.
pub(crate) fn everything() -> BTreeSet<String> {
    [
        "openid",
        "email",
        "profile",
        "https://www.googleapis.com/auth/calendar",
    ]
    .into_iter()
    .map(canonical)
    .collect()
}

/// The scopes in one text, as the token answer wants them.
pub(crate) fn join(scopes: &BTreeSet<String>) -> String {
    scopes
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}
