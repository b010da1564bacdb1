//! Events as a listing tells them, and what they do to the time they take.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

use super::EventTime;

/// What to list. The terms are those of
/// <https://developers.google.com/workspace/calendar/api/guides/sync>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventSync<'a> {
    /// A full sync: every event that takes place, in part at least, within `[from, until)`. Fractions of a second don't
    /// count.
    Full {
        /// From.
        from: DateTime<Utc>,
        /// Until, exclusive.
        until: DateTime<Utc>,
    },
    /// An incremental sync: what has changed since the listing that gave this token.
    Incremental(&'a SyncToken),
}

/// Where an incremental sync starts. Good for the calendar whose listing gave it, for weeks at most, and more than once:
/// keep the old one until what came with the new one is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncToken(pub String);

/// What a listing told, all pages of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventChanges {
    /// The events that stand, as they are now, in the order of their ids; of a repeated event each occurrence.
    ///
    /// After an incremental sync some may be outside the window of the full one: moved there, or occurrences of a
    /// repeated event that has changed.
    pub events: Vec<ListedEvent>,
    /// The ids of events and occurrences that no longer stand, known or not: nothing else is told of them.
    pub cancelled: BTreeSet<String>,
    /// The calendar's zone, in which its all-day events are, if we know it.
    pub time_zone: Option<Tz>,
    /// For the next incremental sync.
    pub sync_token: SyncToken,
}

/// What to drop of what is held from before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outdated<'a> {
    /// Events of these ids.
    pub ids: BTreeSet<&'a str>,
    /// Occurrences of the repeated events of these ids.
    pub repeated: BTreeSet<&'a str>,
}

impl EventChanges {
    /// What to drop of what is held from before, and then to put the events in its place.
    ///
    /// It is more than what was cancelled. What Google tells when a repeated event is deleted, or a single one becomes
    /// repeated or the other way round, is not documented: it may be silent about the former occurrences, or the former
    /// single event. But an id is either that of a single event or that of a repeated one.
    pub fn outdated(&self) -> Outdated<'_> {
        let cancelled = || self.cancelled.iter().map(String::as_str);
        let repeated = |event: &'_ ListedEvent| event.recurring_event_id.is_some();
        let events = self.events.iter();
        let single = events.clone().filter(|event| !repeated(event));
        Outdated {
            ids: cancelled()
                .chain(events.filter_map(|event| event.recurring_event_id.as_deref()))
                .collect(),
            repeated: cancelled()
                .chain(single.map(|event| event.id.as_str()))
                .collect(),
        }
    }
}

/// An event that stands, or one occurrence of a repeated one, as a listing tells it.
///
/// Without its attendees, of whom there may be hundreds: read it with [`Calendar::event`](crate::Calendar::event).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact that Google tells, and none follows from the others"
)]
pub struct ListedEvent {
    /// Its id, unique within its calendar.
    pub id: String,
    /// Its version; opaque.
    pub etag: Option<String>,
    /// Whether it only may take place (`status: tentative`).
    pub tentative: bool,
    /// The title; empty if there is none.
    pub summary: String,
    /// From; a day if, and only if, the end is one.
    pub start: EventTime,
    /// Until, exclusive.
    pub end: EventTime,
    /// Whether it leaves its time free (`transparency: transparent`).
    pub transparent: bool,
    /// What kind of event it is.
    pub event_type: EventType,
    /// Whether the calendar's owner has been invited and has said no.
    pub declined: bool,
    /// Whether anybody else has said no; not known of an event with more than some hundred guests.
    pub guest_declined: bool,
    /// If it is an occurrence of a repeated event, the id of that.
    pub recurring_event_id: Option<String>,
    /// When the repetition would have it start, which tells an occurrence from others even once it has been moved.
    pub original_start: Option<EventTime>,
    /// The extended properties on this copy.
    pub private: BTreeMap<String, String>,
    /// When it was last changed.
    pub updated: Option<DateTime<Utc>>,
}

/// What kind of event it is (`eventType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// A plain one.
    Default,
    /// A day that is celebrated each year.
    Birthday,
    /// Time to work undisturbed.
    FocusTime,
    /// Made by Google from an e-mail, about a journey for example.
    FromGmail,
    /// An absence.
    OutOfOffice,
    /// Where somebody works that day.
    WorkingLocation,
    /// Something that Google has added since.
    Other,
}

impl ListedEvent {
    /// Whether it makes its time busy, as free/busy has it.
    ///
    /// * One that is `transparent` does not, which is documented; any other does, all-day ones, tentative ones and
    ///   invitations without an answer included, which is assumed.
    /// * One that its owner has declined does not: assumed.
    /// * Working locations and birthdays do not: assumed; Google makes them transparent anyway, as far as we know.
    /// * Focus time and absences do, unless transparent: assumed.
    /// * Kinds that we do not know do: what could not be read is not free.
    ///
    /// What is assumed is what the stand-in does, too, and was not measured against Google.
    /// <https://developers.google.com/workspace/calendar/api/v3/reference/events>
    pub fn blocks(&self) -> bool {
        let says_where_or_who = matches!(
            self.event_type,
            EventType::WorkingLocation | EventType::Birthday
        );
        !self.transparent && !self.declined && !says_where_or_who
    }

    /// The time it takes, where `zone` is that of the calendar. Empty if it ends as it starts.
    pub fn span(&self, zone: Tz) -> Range<DateTime<Utc>> {
        instant(self.start, zone)..instant(self.end, zone)
    }
}

fn instant(time: EventTime, zone: Tz) -> DateTime<Utc> {
    match time {
        EventTime::At(at) => at,
        EventTime::Day(day) => start_of_day(day, zone),
    }
}

/// The first instant of a day: of two midnights the earlier; where the clock skips midnight, or the whole day, the end of
/// what it skips.
fn start_of_day(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    let first = zone.from_local_datetime(&midnight).earliest();
    first
        .or_else(|| GapInfo::new(&midnight, &zone)?.end)
        .map_or(midnight.and_utc(), |first| first.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> EventTime {
        EventTime::Day(text.parse().expect("a day"))
    }

    fn at(text: &str) -> EventTime {
        EventTime::At(text.parse().expect("an instant"))
    }

    fn event(start: EventTime, end: EventTime) -> ListedEvent {
        ListedEvent {
            id: "abcde".to_owned(),
            etag: None,
            tentative: false,
            summary: String::new(),
            start,
            end,
            transparent: false,
            event_type: EventType::Default,
            declined: false,
            guest_declined: false,
            recurring_event_id: None,
            original_start: None,
            private: BTreeMap::new(),
            updated: None,
        }
    }

    fn lesson() -> ListedEvent {
        event(at("2026-03-02T09:00:00Z"), at("2026-03-02T10:00:00Z"))
    }

    #[test]
    fn an_event_is_single_or_repeated_and_never_both() {
        let occurrence = ListedEvent {
            id: "series_20260302T090000Z".to_owned(),
            recurring_event_id: Some("series".to_owned()),
            ..lesson()
        };
        let changes = EventChanges {
            events: vec![lesson(), occurrence],
            cancelled: BTreeSet::from(["fghij".to_owned()]),
            time_zone: None,
            sync_token: SyncToken(String::new()),
        };
        let expected = Outdated {
            ids: BTreeSet::from(["fghij", "series"]),
            repeated: BTreeSet::from(["abcde", "fghij"]),
        };
        assert_eq!(changes.outdated(), expected);
    }

    #[test]
    fn what_is_transparent_or_declined_leaves_its_time_free() {
        let transparent = ListedEvent {
            transparent: true,
            ..lesson()
        };
        let declined = ListedEvent {
            declined: true,
            ..lesson()
        };
        assert!(!transparent.blocks() && !declined.blocks());
    }

    #[test]
    fn what_may_take_place_or_takes_the_whole_day_blocks() {
        let tentative = ListedEvent {
            tentative: true,
            ..lesson()
        };
        let whole_day = event(day("2026-03-02"), day("2026-03-03"));
        assert!(lesson().blocks() && tentative.blocks() && whole_day.blocks());
    }

    #[test]
    fn kinds_block_except_for_working_locations_and_birthdays() {
        for (event_type, blocks) in [
            (EventType::Default, true),
            (EventType::Birthday, false),
            (EventType::FocusTime, true),
            (EventType::FromGmail, true),
            (EventType::OutOfOffice, true),
            (EventType::WorkingLocation, false),
            (EventType::Other, true),
        ] {
            let event = ListedEvent {
                event_type,
                ..lesson()
            };
            assert_eq!(event.blocks(), blocks, "{event_type:?}");
        }
        let transparent = ListedEvent {
            event_type: EventType::OutOfOffice,
            transparent: true,
            ..lesson()
        };
        assert!(!transparent.blocks());
    }

    #[test]
    fn days_are_those_of_the_zone_and_start_with_their_first_instant() {
        use chrono_tz::{Africa, America, Europe, Pacific};
        for (zone, first, until, start, end) in [
            // 23 and 25 hours.
            (
                Europe::Berlin,
                "2026-03-29",
                "2026-03-30",
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                Europe::Berlin,
                "2026-10-25",
                "2026-10-26",
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            // No midnight: the day starts at one o'clock.
            (
                Africa::Cairo,
                "2026-04-24",
                "2026-04-25",
                "2026-04-23T22:00:00Z",
                "2026-04-24T21:00:00Z",
            ),
            // No midnight, and the gap starts before it: the day starts at half past.
            (
                America::Toronto,
                "1919-03-31",
                "1919-04-01",
                "1919-03-31T04:30:00Z",
                "1919-04-01T04:00:00Z",
            ),
            // Midnight twice: the first.
            (
                America::Havana,
                "2026-11-01",
                "2026-11-02",
                "2026-11-01T04:00:00Z",
                "2026-11-02T05:00:00Z",
            ),
            // A day that never was is empty, and those around it touch.
            (
                Pacific::Apia,
                "2011-12-30",
                "2011-12-31",
                "2011-12-30T10:00:00Z",
                "2011-12-30T10:00:00Z",
            ),
            (
                Pacific::Apia,
                "2011-12-29",
                "2011-12-30",
                "2011-12-29T10:00:00Z",
                "2011-12-30T10:00:00Z",
            ),
        ] {
            let span = event(day(first), day(until)).span(zone);
            let [start, end] = [start, end].map(|at| at.parse::<DateTime<Utc>>().expect("at"));
            assert_eq!(span, start..end, "{first} in {zone}");
        }
    }

    #[test]
    fn instants_are_what_they_are_in_any_zone() {
        let span = lesson().span(chrono_tz::Pacific::Auckland);
        assert_eq!(EventTime::At(span.start), lesson().start);
        assert_eq!(EventTime::At(span.end), lesson().end);
    }

    #[test]
    fn days_at_the_ends_of_time_do_no_harm() {
        for zone in [
            chrono_tz::Pacific::Kiritimati,
            chrono_tz::Pacific::Pago_Pago,
        ] {
            for day in [NaiveDate::MIN, NaiveDate::MAX] {
                let _ = start_of_day(day, zone);
            }
        }
    }
}
