//! What tutors have in their calendars beside lessons.

use super::world::{TUTORS, World};
use crate::support::{at, email};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{Europe::Berlin, Tz};
use serde_json::{Value, json};

/// An edit in the calendar of a tutor, or of somebody with whom a tutor has to do.
#[derive(Clone, Debug)]
pub enum Own {
    /// Of a tutor, in one of the calendars.
    Create(usize, usize, When),
    Change(usize, Change),
    Delete(usize),
    /// One occurrence of a repeated event comes to another time, or is taken out.
    Occurrence(usize, i64, Option<When>),
    /// Somebody invites a tutor.
    Invitation(usize, When),
    /// A calendar of a tutor comes into another zone, and with it whole days.
    Zone(usize, Tz),
    /// A tutor deletes a calendar, unless there are lessons in it.
    Gone(usize, usize),
    /// A tutor has something of their own exactly at the time of a lesson.
    OnLesson(usize),
}

#[derive(Clone, Copy, Debug)]
pub enum When {
    /// So many days ahead, so many quarters of an hour after six in UTC, and how many of them.
    Quarters(i64, i64, i64),
    /// So many days ahead, and how many whole days.
    Days(i64, i64),
}

#[derive(Clone, Debug)]
pub enum Change {
    When(When),
    Transparent(bool),
    /// What the tutor says to it.
    Reply(&'static str),
    Repeat(&'static str),
    Single,
    Rename,
}

/// An event, by what Google calls it and the calendar.
#[derive(Clone, Debug)]
pub struct OwnEvent {
    calendar: String,
    id: String,
}

/// Who lets a tutor see when they are busy.
pub const LENDING: &str = "Fred";

/// Who invites tutors.
pub const INVITING: &str = "Ina";

impl When {
    /// As it is sent. Where there are lessons beside it by which it could be taken for a copy of one, it never is as they are.
    fn times(self, now: DateTime<Utc>, is_beside_copies: bool) -> Value {
        let midnight = |days| (now + TimeDelta::days(days)).date_naive();
        match self {
            Self::Days(day, days) => {
                let date = |day| json!({"date": midnight(day), "dateTime": null, "timeZone": null});
                json!({"start": date(day), "end": date(day + days)})
            }
            Self::Quarters(day, quarter, quarters) => {
                let six = midnight(day).and_hms_opt(6, 0, 0).unwrap().and_utc();
                let odd = TimeDelta::minutes(if is_beside_copies { 5 } else { 0 });
                let start = six + TimeDelta::minutes(15 * quarter) + odd;
                json!({"start": time(start), "end": time(start + TimeDelta::minutes(15 * quarters))})
            }
        }
    }
}

fn time(at: DateTime<Utc>) -> Value {
    json!({"dateTime": at, "timeZone": "Europe/Berlin", "date": null})
}

impl World {
    /// Does what is possible; what came of it. Whatever a tutor no longer has need not block from here on.
    pub fn edit(&self, own: &Own) -> String {
        let outcome = self.try_to_edit(own);
        self.forget_what_stands_no_more();
        outcome.unwrap_or_else(|refusal| refusal)
    }

    fn try_to_edit(&self, own: &Own) -> Result<String, String> {
        match own {
            Own::Create(tutor, calendar, when) => {
                let calendars = &self.tutor(*tutor).calendars;
                let calendar = &calendars[calendar % calendars.len()];
                self.create(calendar, *when)
            }
            Own::Change(event, change) => {
                let event = self.event(*event)?;
                let changes = self.changes(&event, change);
                self.patch(&event, &changes)
            }
            Own::Delete(event) => {
                let event = self.event(*event)?;
                self.test.google.delete_event(&event.calendar, &event.id);
                Ok(event.id)
            }
            Own::Occurrence(event, nth, when) => self.occurrence(*event, *nth, *when),
            Own::Invitation(tutor, when) => self.invite(*tutor, *when),
            Own::Zone(tutor, zone) => {
                let tutor = self.tutor(*tutor);
                self.test.google.set_time_zone(&tutor.account, *zone);
                Ok(tutor.account.clone())
            }
            Own::Gone(tutor, calendar) => self.delete_calendar(tutor % TUTORS, *calendar),
            Own::OnLesson(lesson) => {
                let lesson = self.lesson_event(*lesson).ok_or("no lesson")?;
                let time = |side: &str| at(lesson.event[side]["dateTime"].as_str().unwrap());
                let account = &self.tutor(lesson.tutor).account;
                let (start, end) = (time("start"), time("end"));
                let id = self
                    .test
                    .google
                    .insert_busy(account, start, end, "Own as well");
                Ok(self.remember_event(account, id))
            }
        }
    }

    fn event(&self, number: usize) -> Result<OwnEvent, String> {
        let memory = self.memory();
        let count = memory.events.len();
        // The last ones are those that are near.
        let recent = count.saturating_sub(40);
        memory.events[recent..]
            .get(number % (count - recent).max(1))
            .cloned()
            .ok_or_else(|| "no event".to_owned())
    }

    fn remember_event(&self, calendar: &str, id: String) -> String {
        let event = OwnEvent {
            calendar: calendar.to_owned(),
            id: id.clone(),
        };
        self.memory().events.push(event);
        id
    }

    fn is_beside_copies(&self, calendar: &str) -> bool {
        let primary = self.tutors.iter().any(|tutor| tutor.account == calendar);
        !primary && calendar != email(INVITING)
    }

    fn create(&self, calendar: &str, when: When) -> Result<String, String> {
        let now = self.test.now();
        let google = &self.test.google;
        let id = google.insert_busy(calendar, now, now, "Own");
        let times = when.times(now, self.is_beside_copies(calendar));
        google.patch_event(calendar, &id, &times)?;
        Ok(self.remember_event(calendar, id))
    }

    fn changes(&self, event: &OwnEvent, change: &Change) -> Value {
        match change {
            Change::When(when) => {
                when.times(self.test.now(), self.is_beside_copies(&event.calendar))
            }
            Change::Transparent(is_transparent) => {
                let word = if *is_transparent {
                    "transparent"
                } else {
                    "opaque"
                };
                json!({ "transparency": word })
            }
            Change::Reply(answer) => {
                json!({"attendees": [{"email": event.calendar, "responseStatus": answer}]})
            }
            Change::Repeat(rule) => json!({ "recurrence": [rule] }),
            Change::Single => json!({ "recurrence": null }),
            Change::Rename => json!({ "summary": "Renamed" }),
        }
    }

    fn patch(&self, event: &OwnEvent, changes: &Value) -> Result<String, String> {
        let google = &self.test.google;
        google.patch_event(&event.calendar, &event.id, changes)?;
        Ok(event.id.clone())
    }

    fn occurrence(&self, event: usize, nth: i64, when: Option<When>) -> Result<String, String> {
        let event = self.event(event)?;
        let all = self.test.google.all_events(&event.calendar);
        let series = all.iter().find(|it| it["id"] == event.id.as_str());
        let start = &series.ok_or("gone")?["start"];
        let occurrence = OwnEvent {
            id: format!("{}_{}", event.id, occurrence(start, nth)),
            calendar: event.calendar,
        };
        if let Some(when) = when {
            let changes = self.changes(&occurrence, &Change::When(when));
            return self.patch(&occurrence, &changes);
        }
        let google = &self.test.google;
        google.delete_event(&occurrence.calendar, &occurrence.id);
        Ok(occurrence.id)
    }

    fn delete_calendar(&self, tutor: usize, number: usize) -> Result<String, String> {
        let calendars = &self.tutors[tutor].calendars[1..];
        let calendar = calendars.get(number % calendars.len().max(1));
        let calendar = calendar.ok_or("no other")?;
        let is_shared = *calendar == email(LENDING);
        let known = &self.memory().known[tutor];
        if is_shared || known.receiving.iter().any(|(_, it)| it == calendar) {
            return Err(format!("stays {calendar}"));
        }
        self.test.google.delete_calendar(calendar);
        Ok(calendar.clone())
    }

    fn invite(&self, tutor: usize, when: When) -> Result<String, String> {
        let (inviting, tutor) = (email(INVITING), &self.tutor(tutor).account);
        let id = self.create(&inviting, when)?;
        let guests = json!({"attendees": [{"email": tutor, "responseStatus": "needsAction"}]});
        self.test.google.patch_event(&inviting, &id, &guests)?;
        Ok(self.remember_event(tutor, id))
    }
}

/// The end of the id of an occurrence so many days after the first, if there is one.
fn occurrence(start: &Value, days: i64) -> String {
    if let Some(date) = start["date"].as_str() {
        let date: chrono::NaiveDate = date.parse().unwrap();
        return (date + TimeDelta::days(days)).format("%Y%m%d").to_string();
    }
    let first = at(start["dateTime"].as_str().unwrap());
    let local = first.with_timezone(&Berlin).naive_local() + TimeDelta::days(days);
    let start = local.and_local_timezone(Berlin).earliest();
    let start = start.map_or(first, |start| start.to_utc());
    start.format("%Y%m%dT%H%M%SZ").to_string()
}
