//! Free/busy, asked in portions and never guessed.
//!
//! 50 calendars at a time is documented (`calendarExpansionMax`); about three months at a time is not, and asking for
//! more answers 400 "The requested time range is too long."

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use google_calendar3::api::{
    FreeBusyCalendar, FreeBusyRequest, FreeBusyRequestItem, FreeBusyResponse,
};

use super::hub::Hubs;
use super::{BusySpan, FreeBusy, refusal};
use crate::{AccessToken, Error};

const CALENDARS_AT_A_TIME: usize = 50;
const TIME_AT_A_TIME: TimeDelta = TimeDelta::days(90);

type Window = (DateTime<Utc>, DateTime<Utc>);

pub(super) async fn busy(
    hubs: &Hubs,
    token: &AccessToken,
    calendar_ids: &[String],
    window: Window,
) -> Result<FreeBusy, Error> {
    if window.0 >= window.1 {
        return Err(Error::unsendable("timeRangeEmpty"));
    }
    let mut calendar_ids = calendar_ids.to_vec();
    calendar_ids.sort_unstable();
    calendar_ids.dedup();
    let mut told = Told::default();
    for window in portions(window) {
        for ids in calendar_ids.chunks(CALENDARS_AT_A_TIME) {
            let answer = query(hubs, token, ids, window).await?;
            told.collect(answer.calendars.unwrap_or_default(), ids)?;
        }
    }
    Ok(told.united())
}

async fn query(
    hubs: &Hubs,
    token: &AccessToken,
    ids: &[String],
    (from, until): Window,
) -> Result<FreeBusyResponse, Error> {
    let items = ids.iter().map(|id| FreeBusyRequestItem {
        id: Some(id.clone()),
    });
    let request = &FreeBusyRequest {
        calendar_expansion_max: Some(50),
        items: Some(items.collect()),
        time_min: Some(from),
        time_max: Some(until),
        ..FreeBusyRequest::default()
    };
    let answer = hubs
        .call(token, |hub, mut witness| async move {
            let call = hub.freebusy().query(request.clone());
            Ok(call.delegate(&mut witness).doit().await?.1)
        })
        .await?;
    Ok(answer)
}

/// What was told of the calendars so far.
#[derive(Default)]
struct Told {
    spans: BTreeMap<String, Vec<Window>>,
    not_found: BTreeSet<String>,
}

impl Told {
    /// Takes the spans of every calendar asked for. One that is missing, or failed, fails the whole.
    fn collect(
        &mut self,
        mut answers: HashMap<String, FreeBusyCalendar>,
        ids: &[String],
    ) -> Result<(), Error> {
        for id in ids {
            let Some(answer) = answers.remove(id) else {
                return Err(Error::protocol("free/busy left out a calendar"));
            };
            match spans(answer) {
                Ok(spans) => self.spans.entry(id.clone()).or_default().extend(spans),
                Err(Error::NotFound) => drop(self.not_found.insert(id.clone())),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A calendar that was not found for a part of the window was not found.
    fn united(mut self) -> FreeBusy {
        self.spans.retain(|id, _| !self.not_found.contains(id));
        let spans = self.spans.into_iter();
        FreeBusy {
            busy: spans.flat_map(|(id, spans)| united(&id, spans)).collect(),
            not_found: self.not_found,
        }
    }
}

fn spans(answer: FreeBusyCalendar) -> Result<Vec<Window>, Error> {
    if let Some(error) = answer.errors.into_iter().flatten().next() {
        return Err(refusal::of_one_calendar(&error.reason.unwrap_or_default()));
    }
    let Some(busy) = answer.busy else {
        return Err(Error::protocol(
            "free/busy left out when a calendar is busy",
        ));
    };
    let spans = busy
        .into_iter()
        .map(|period| match (period.start, period.end) {
            (Some(start), Some(end)) if start <= end => Ok((start, end)),
            _ => Err(Error::protocol("free/busy gave a span that is none")),
        });
    spans.collect()
}

/// A window in portions that may be asked for.
fn portions((from, until): Window) -> impl Iterator<Item = Window> {
    std::iter::successors(Some(from), |start| Some(*start + TIME_AT_A_TIME))
        .take_while(move |start| *start < until)
        .map(move |start| (start, until.min(start + TIME_AT_A_TIME)))
}

/// One calendar's spans in order, those that overlap or touch as one: whether the answer unites them is not documented,
/// and a span over the seam of two portions comes twice.
fn united(calendar_id: &str, mut spans: Vec<Window>) -> Vec<BusySpan> {
    spans.sort_unstable();
    let mut united: Vec<BusySpan> = Vec::with_capacity(spans.len());
    for (start, end) in spans.into_iter().filter(|(start, end)| start < end) {
        match united.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => united.push(BusySpan {
                calendar_id: calendar_id.to_owned(),
                start,
                end,
            }),
        }
    }
    united
}
