//! Opaque keyset cursors, and pages of lists.

use super::validate;
use crate::{
    error::Error,
    service::{
        AbsenceId, BookingId, DriftId, HolidayCalendarId, LessonId, SeriesId, TimeOffId, TutorId,
        UserId,
        app_key::{AppId, AppKeyId},
        invitation::InvitationId,
        waitlist::WaitlistEntryId,
    },
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};

/// The longest page.
pub const LONGEST_PAGE: u32 = 100;

/// The length of a page when none is asked for.
pub const USUAL_PAGE: u32 = 50;

pub fn usual_page() -> u32 {
    USUAL_PAGE
}

/// Where a page ended, as clients carry it.
pub fn write(key: &impl Serialize) -> Option<String> {
    serde_json::to_vec(key)
        .ok()
        .map(|json| BASE64_URL_SAFE_NO_PAD.encode(json))
}

/// The key of a list, which comes back from clients and so may be anything that has its form.
pub trait Key: DeserializeOwned {
    /// Whether the database could hold such a key.
    fn is_possible(&self) -> bool;
}

macro_rules! any_is_possible {
    ($($id:ty),+) => {$(
        impl Key for $id {
            fn is_possible(&self) -> bool {
                true
            }
        }
    )+};
}

any_is_possible!(
    AbsenceId,
    AppId,
    AppKeyId,
    DriftId,
    HolidayCalendarId,
    InvitationId,
    SeriesId,
    TimeOffId,
    TutorId,
    UserId,
    WaitlistEntryId,
    i64,
    (UserId, UserId)
);

/// A slug.
impl Key for String {
    fn is_possible(&self) -> bool {
        validate::line(1, 64)(self, &()).is_ok()
    }
}

impl Key for DateTime<Utc> {
    fn is_possible(&self) -> bool {
        validate::instant(self, &()).is_ok()
    }
}

/// Of the audit trail.
impl Key for (DateTime<Utc>, i64) {
    fn is_possible(&self) -> bool {
        validate::instant(&self.0, &()).is_ok()
    }
}

impl Key for (DateTime<Utc>, BookingId) {
    fn is_possible(&self) -> bool {
        validate::instant(&self.0, &()).is_ok()
    }
}

impl Key for (DateTime<Utc>, LessonId) {
    fn is_possible(&self) -> bool {
        validate::instant(&self.0, &()).is_ok()
    }
}

/// # Errors
/// For a cursor that we did not make.
pub fn read<K: Key>(cursor: Option<&str>) -> Result<Option<K>, Error> {
    let Some(text) = cursor else { return Ok(None) };
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .filter(K::is_possible)
        .map(Some)
        .ok_or_else(|| {
            Error::invalid(
                "cursor",
                "unknown_cursor",
                "must be the next_cursor of a page of this list",
            )
        })
}

/// Cuts what was read with one item more than asked for, and makes the cursor of the next page.
pub fn page<T, K: Serialize>(
    mut items: Vec<T>,
    limit: u32,
    key: impl Fn(&T) -> K,
) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if items.len() <= limit {
        return (items, None);
    }
    items.truncate(limit);
    let next = items.last().and_then(|last| write(&key(last)));
    (items, next)
}
