//! The calendars on a user's list.

use google_calendar3::api::CalendarListEntry;

use super::hub::Hubs;
use super::{AccessRole, CalendarEntry};
use crate::{AccessToken, Error};

/// Beyond that something goes round in circles: 250 calendars a page are more than anybody has.
const PAGES: usize = 20;

pub(super) async fn calendars(
    hubs: &Hubs,
    token: &AccessToken,
) -> Result<Vec<CalendarEntry>, Error> {
    let mut entries = Vec::new();
    let mut page_token: Option<String> = None;
    for _ in 0..PAGES {
        let asked = page_token.as_deref();
        let page = hubs
            .call(token, |hub, mut witness| async move {
                let call = hub.calendar_list().list().max_results(250);
                // Who hides a calendar from view has not said that it counts no more.
                let mut call = call.show_hidden(true);
                if let Some(page) = asked {
                    call = call.page_token(page);
                }
                Ok(call.delegate(&mut witness).doit().await?.1)
            })
            .await?;
        entries.extend(page.items.into_iter().flatten().filter_map(entry));
        // A page may be short, or empty: only this says whether there are more.
        page_token = page.next_page_token;
        if page_token.is_none() {
            return Ok(entries);
        }
    }
    Err(Error::protocol("the list of calendars has no end"))
}

fn entry(entry: CalendarListEntry) -> Option<CalendarEntry> {
    if entry.deleted == Some(true) {
        return None;
    }
    Some(CalendarEntry {
        id: entry.id?,
        summary: entry.summary_override.or(entry.summary).unwrap_or_default(),
        primary: entry.primary.unwrap_or(false),
        access_role: match entry.access_role.as_deref() {
            Some("owner") => AccessRole::Owner,
            Some("writer") => AccessRole::Writer,
            Some("reader") => AccessRole::Reader,
            Some("freeBusyReader") => AccessRole::FreeBusyReader,
            _ => AccessRole::Other,
        },
        time_zone: entry.time_zone.and_then(|zone| zone.parse().ok()),
    })
}
