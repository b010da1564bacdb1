//! What Google says by its channels. Not in the document: nobody else has anything to say here.
//!
//! It is known by its token, and by nothing else. What is not Google's is answered like what is, and dropped: whoever
//! guesses learns nothing, and Google does not send it again. What is not even in its form is not looked up; for the rest
//! a few messages at a time are, by their id.

use crate::{
    app::App,
    error::Error,
    service::{
        ChannelId,
        calendar_channel::{self, Message},
    },
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{MethodRouter, post},
};

const MESSAGES: &str = "calendar_messages_total";

/// The longest token and the longest id of what is watched that are read.
const LONGEST: usize = 1000;

pub fn route() -> MethodRouter<App> {
    metrics::describe_counter!(
        MESSAGES,
        "Messages about changes of calendars: known ones, those of unknown channels or with a wrong token, malformed ones"
    );
    post(receive)
}

/// 204, whatever it is worth. An error only where it is not known what it is worth, so that Google sends it again.
async fn receive(State(app): State<App>, headers: HeaderMap) -> Result<StatusCode, Error> {
    let kind = match message(&headers) {
        None => "malformed",
        Some(message) if calendar_channel::receive(&app, &message).await? => "known",
        Some(_) => "unknown",
    };
    metrics::counter!(MESSAGES, "kind" => kind).increment(1);
    Ok(StatusCode::NO_CONTENT)
}

fn message(headers: &HeaderMap) -> Option<Message> {
    let is_change = match text(headers, "x-goog-resource-state")? {
        "sync" => false,
        "exists" | "not_exists" => true,
        _ => return None,
    };
    Some(Message {
        channel: ChannelId(text(headers, "x-goog-channel-id")?.parse().ok()?),
        token: text(headers, "x-goog-channel-token")?.into(),
        resource_id: text(headers, "x-goog-resource-id").map(str::to_owned),
        is_change,
    })
}

/// A header that stands there once, of visible characters.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    let is_one = values.next().is_none() && (1..=LONGEST).contains(&value.len());
    is_one.then_some(value)
}
