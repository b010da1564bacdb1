//! A person's calendar: the coming two weeks, and a form to be busy.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use axum::{
    body::Bytes,
    extract::{Query, State as Shares},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::{
    calendar,
    html::{self, escape},
    server,
    shared::Shared,
    state::State,
    types::Account,
};

type Form = BTreeMap<String, String>;

/// `GET /calendar?email=…`
pub(crate) async fn show(
    Shares(shared): Shares<Arc<Shared>>,
    Query(query): Query<Form>,
) -> Response {
    let email = query.get("email").map(String::as_str).unwrap_or_default();
    let found = shared.read(|state| {
        let account = state.account(email)?.clone();
        let now = state.now();
        let events = calendar::agenda(state, &account.email, now, now + Duration::days(14));
        Some((account, now, events))
    });
    match found {
        Some((account, now, events)) => page(&account, now, &events),
        None => nobody(),
    }
}

/// `POST /calendar/busy`
pub(crate) async fn busy(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    command(&shared, &headers, &body, |state, account, form| {
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let start = NaiveDateTime::parse_from_str(field("start"), "%Y-%m-%dT%H:%M")
            .map_err(|_| "The start is not a date and time.")?;
        let start = calendar::resolve(account.time_zone, start);
        let minutes: i64 = field("minutes")
            .parse()
            .ok()
            .filter(|minutes| (1..=20_160).contains(minutes))
            .ok_or("The length is a number of minutes, at most two weeks.")?;
        let summary = match field("summary").trim() {
            "" => "Busy",
            text => text,
        };
        let end = start + Duration::minutes(minutes);
        calendar::insert_busy(state, &account.email, start, end, summary).map(|_| ())
    })
}

/// `POST /calendar/delete`
pub(crate) async fn delete(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    command(&shared, &headers, &body, |state, account, form| {
        let id = form.get("id").ok_or("No event is named.")?;
        calendar::delete_as_owner(state, &account.email, id)
    })
}

/// `POST /calendar/respond`: answers an invitation.
pub(crate) async fn respond(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    command(&shared, &headers, &body, |state, account, form| {
        let id = form.get("id").ok_or("No event is named.")?;
        let answer = form.get("answer").ok_or("No answer is given.")?;
        let event = calendar::all_events(state, &account.email)
            .into_iter()
            .find(|event| event["id"] == id.as_str())
            .ok_or("There is no such event.")?;
        let mut attendees = event["attendees"].clone();
        for guest in attendees.as_array_mut().into_iter().flatten() {
            if guest["email"] == account.email.as_str() {
                guest["responseStatus"] = json!(answer);
            }
        }
        let changes = json!({"attendees": attendees});
        calendar::patch_as_owner(state, &account.email, id, &changes).map(|_| ())
    })
}

/// Runs a form of this page and shows the page again.
fn command(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    body: &[u8],
    run: impl FnOnce(&mut State, &Account, &Form) -> Result<(), String>,
) -> Response {
    if !server::is_same_site(headers) {
        let why = "This form was sent from another site.";
        return html::message(StatusCode::FORBIDDEN, "Refused", why);
    }
    let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(body).unwrap_or_default();
    let form: Form = pairs.into_iter().collect();
    let done = shared.write(|state| {
        let email = form.get("email").map(String::as_str).unwrap_or_default();
        let account = state.account(email)?.clone();
        Some(run(state, &account, &form).map(|()| account.email))
    });
    match done {
        None => nobody(),
        Some(Err(why)) => html::message(StatusCode::BAD_REQUEST, "That did not work", &why),
        Some(Ok(email)) => {
            let mut to = "/calendar?email=".to_owned();
            to.extend(url::form_urlencoded::byte_serialize(email.as_bytes()));
            (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
        }
    }
}

fn nobody() -> Response {
    let why = "There is no account with this address.";
    html::message(StatusCode::NOT_FOUND, "Not found", why)
}

fn page(account: &Account, now: DateTime<Utc>, events: &[Value]) -> Response {
    let zone = account.time_zone;
    let email = escape(&account.email);
    let next_hour = now.with_timezone(&zone) + Duration::hours(1);
    let mut content = format!(
        "<p><a href=\"/\">All people</a></p><h1>{name}</h1>\
         <p class=\"muted\">{email}, the coming two weeks, times in {zone}</p>\
         <h2>Be busy</h2><form method=\"post\" action=\"/calendar/busy\" class=\"row start\">\
         <input type=\"hidden\" name=\"email\" value=\"{email}\">\
         <label class=\"field\">Start<input type=\"datetime-local\" name=\"start\" value=\"{start}\" required></label>\
         <label class=\"field\">Minutes<input type=\"number\" name=\"minutes\" value=\"60\" min=\"1\" max=\"20160\" required></label>\
         <label class=\"field\">Title<input type=\"text\" name=\"summary\" value=\"Busy\" maxlength=\"200\"></label>\
         <button class=\"main\">Add</button></form>",
        name = escape(&account.name),
        zone = zone.name(),
        start = next_hour.format("%Y-%m-%dT%H:00"),
    );
    let mut day = String::new();
    for event in events {
        let of = day_of(event, zone);
        if of != day {
            let _ = write!(content, "<h2>{}</h2>", escape(&of));
            day = of;
        }
        content.push_str(&card(account, event));
    }
    if events.is_empty() {
        content.push_str("<p>Nothing in the coming two weeks.</p>");
    }
    html::page(StatusCode::OK, &account.name, false, &content)
}

fn local(when: &Value, zone: Tz) -> Option<DateTime<Tz>> {
    let at = DateTime::parse_from_rfc3339(when["dateTime"].as_str()?).ok()?;
    Some(at.with_timezone(&zone))
}

fn day_of(event: &Value, zone: Tz) -> String {
    let date = match local(&event["start"], zone) {
        Some(at) => Some(at.date_naive()),
        None => event["start"]["date"]
            .as_str()
            .and_then(|text| text.parse().ok()),
    };
    date.map(|date| date.format("%A, %-d %B %Y").to_string())
        .unwrap_or_default()
}

fn card(account: &Account, event: &Value) -> String {
    let zone = account.time_zone;
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let time = match (local(&event["start"], zone), local(&event["end"], zone)) {
        (Some(start), Some(end)) if start.date_naive() == end.date_naive() => {
            format!("{} - {}", start.format("%H:%M"), end.format("%H:%M"))
        }
        (Some(start), Some(end)) => {
            format!("{} - {}", start.format("%H:%M"), end.format("%-d %B %H:%M"))
        }
        _ => "All day".to_owned(),
    };
    let title = match text("summary") {
        "" => "(no title)",
        title => title,
    };
    let mut card = format!(
        "<article class=\"event\"><div><strong>{}</strong><br>{time}",
        escape(title)
    );
    if text("transparency") == "transparent" {
        card.push_str(" <span class=\"muted\">(free)</span>");
    }
    for name in ["location", "description"] {
        if !text(name).is_empty() {
            let _ = write!(
                card,
                "<br><span class=\"muted\">{}</span>",
                escape(text(name))
            );
        }
    }
    let link = text("hangoutLink");
    if link.starts_with("https://") {
        let _ = write!(
            card,
            "<br><a href=\"{0}\" rel=\"noreferrer\">{0}</a>",
            escape(link)
        );
    }
    let guests: &[Value] = event["attendees"].as_array().map_or(&[], Vec::as_slice);
    if !guests.is_empty() {
        card.push_str("<ul>");
        for guest in guests {
            let _ = write!(
                card,
                "<li>{} <span class=\"muted\">{}</span></li>",
                escape(guest["email"].as_str().unwrap_or_default()),
                answer_in_words(guest["responseStatus"].as_str().unwrap_or_default()),
            );
        }
        card.push_str("</ul>");
    }
    card.push_str("</div><div>");
    let fields = format!(
        "<input type=\"hidden\" name=\"email\" value=\"{}\"><input type=\"hidden\" name=\"id\" value=\"{}\">",
        escape(&account.email),
        escape(text("id")),
    );
    if event["organizer"]["self"] != true {
        let _ = write!(
            card,
            "<form method=\"post\" action=\"/calendar/respond\">{fields}\
             <button class=\"small\" name=\"answer\" value=\"accepted\">Accept</button>\
             <button class=\"small\" name=\"answer\" value=\"declined\">Decline</button></form>"
        );
    }
    let _ = write!(
        card,
        "<form method=\"post\" action=\"/calendar/delete\">{fields}\
         <button class=\"small\" aria-label=\"Delete {}\">Delete</button></form></div></article>",
        escape(title)
    );
    card
}

fn answer_in_words(status: &str) -> &'static str {
    match status {
        "accepted" => "accepted",
        "declined" => "declined",
        "tentative" => "perhaps",
        _ => "has not answered",
    }
}
