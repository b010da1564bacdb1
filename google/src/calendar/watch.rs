//! Push channels: having Google call when a calendar changes.
//!
//! <https://developers.google.com/workspace/calendar/api/guides/push>

use std::time::Duration;

use chrono::{DateTime, Utc};
use google_calendar3::api;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::hub::{Hubs, segment};
use crate::address::require_secure;
use crate::{AccessToken, Error};

/// A push channel to be opened.
#[derive(Clone, Debug)]
pub struct NewChannel {
    /// Chosen by us, and used once: a UUID, or up to 64 of `A-Za-z0-9-_+/=`.
    pub id: String,
    /// Where Google posts to; https, with a certificate that Google trusts.
    pub address: Url,
    /// Comes with each message, and shows that it is Google's; up to 256 printable ASCII characters.
    pub token: SecretString,
    /// How long it shall live, a second at least. Google may give it less; a week is usual.
    pub time_to_live: Duration,
}

/// A push channel that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// As chosen.
    pub id: String,
    /// What is watched; opaque. Needed to stop the channel.
    pub resource_id: String,
    /// When it ends. It can't be prolonged: open another before that, and stop this one.
    pub expires_at: DateTime<Utc>,
}

/// What is read of the answer. The generated type takes a text only for the expiration.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    resource_id: String,
    /// In milliseconds since 1970: a text by the discovery document, a number in the guide.
    expiration: Value,
}

pub(super) async fn watch(
    hubs: &Hubs,
    token: &AccessToken,
    calendar_id: &str,
    channel: &NewChannel,
) -> Result<Channel, Error> {
    check(channel)?;
    let calendar = segment(calendar_id)?;
    let body = json!({
        "id": channel.id,
        "type": "web_hook",
        "address": channel.address,
        "token": channel.token.expose_secret(),
        "params": { "ttl": channel.time_to_live.as_secs().to_string() },
    });
    let path = format!("calendars/{calendar}/events/watch");
    let opened: Opened = hubs.post_once(token, &path, &body).await?;
    let expiration = &opened.expiration;
    let expires_at = expiration
        .as_i64()
        .or_else(|| expiration.as_str()?.parse().ok())
        .and_then(DateTime::from_timestamp_millis)
        .ok_or_else(|| Error::protocol("a channel without its expiration"))?;
    Ok(Channel {
        id: channel.id.clone(),
        resource_id: opened.resource_id,
        expires_at,
    })
}

/// Refuses what Google would.
fn check(channel: &NewChannel) -> Result<(), Error> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_+/=".contains(&b);
    if !(1..=64).contains(&channel.id.len()) || !channel.id.bytes().all(legal) {
        return Err(Error::unsendable("not the id of a channel"));
    }
    let token = channel.token.expose_secret();
    if token.len() > 256 || !token.bytes().all(|b| (b' '..0x7f).contains(&b)) {
        return Err(Error::unsendable("not the token of a channel"));
    }
    if channel.time_to_live.as_secs() == 0 {
        return Err(Error::unsendable("a channel that ends as it starts"));
    }
    require_secure(&channel.address, "the address of a channel")
        .map_err(|error| Error::unsendable(error.to_string()))
}

pub(super) async fn stop(
    hubs: &Hubs,
    token: &AccessToken,
    id: &str,
    resource_id: &str,
) -> Result<(), Error> {
    let channel = &api::Channel {
        id: Some(id.to_owned()),
        resource_id: Some(resource_id.to_owned()),
        ..api::Channel::default()
    };
    let stopped = hubs.call(token, |hub, mut witness| async move {
        let call = hub.channels().stop(channel.clone());
        call.delegate(&mut witness).doit().await?;
        Ok(())
    });
    match stopped.await {
        Err(Error::NotFound) => Ok(()),
        outcome => outcome,
    }
}
