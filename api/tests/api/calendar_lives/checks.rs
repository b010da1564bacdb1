//! What must hold after each step, and what when all has come to rest.

use super::{
    trouble::Delivery,
    world::{Known, MARK, TUTORS, World},
};
use crate::support::at;
use api::store;
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::interval::{Span, intersect, subtract, union};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// How the connection of a tutor stands.
#[derive(Clone, Default)]
pub struct Standing {
    /// Whether there is one that Google was not seen to refuse.
    pub is_live: bool,
    pub connected_at: Option<DateTime<Utc>>,
}

/// A calendar as it is known here: of which tutor, what Google calls it, and whether it is the primary one, blocks, and
/// receives lessons.
type Calendar = (Uuid, String, bool, bool, bool);

/// A lesson as its event is to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lesson {
    id: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    summary: String,
    guests: Vec<String>,
    revision: String,
    created_at: DateTime<Utc>,
    /// In which calendar, as it is noted.
    calendar: Option<String>,
    is_cancelled: bool,
}

impl World {
    pub async fn standings(&self) -> [Standing; TUTORS] {
        let mut standings: [Standing; TUTORS] = Default::default();
        let query = "SELECT coalesce(state = 'live', false) AS is_live, connected_at
            FROM tutors LEFT JOIN google_grants USING (user_id) WHERE tutors.id = $1";
        let mut connection = self.connection.lock().await;
        for (tutor, standing) in self.tutors.iter().zip(&mut standings) {
            let found = sqlx::query_as(query).bind(tutor.id().0);
            let (is_live, connected_at) = found.fetch_one(&mut *connection).await.unwrap();
            *standing = Standing {
                is_live,
                connected_at,
            };
        }
        standings
    }

    /// Looks at what is known after a step, and fails if a tutor seems free who is known to be busy, or a lesson has two
    /// events.
    pub async fn look(&self) {
        let standings = self.standings().await;
        self.look_at_calendars().await;
        let kept = self.kept().await;
        for (tutor, standing) in standings.iter().enumerate() {
            let (standing_time, kept) = (self.busy(tutor), &kept[tutor]);
            let known = &mut self.memory().known[tutor];
            if standing.connected_at.is_none() {
                // Nothing is known of who has disconnected.
                known.busy.clear();
                continue;
            }
            known.see(tutor, &standing_time, kept);
        }
        for tutor in 0..TUTORS {
            let mut lessons = BTreeSet::new();
            for event in self.lesson_events(tutor) {
                let lesson = event.lesson;
                assert!(
                    lessons.insert(lesson.clone()),
                    "lesson {lesson} of tutor {tutor} has two events"
                );
            }
        }
    }

    async fn look_at_calendars(&self) {
        let query = "SELECT tutors.id AS tutor_id, google_id, is_primary, blocks,
                receives_lessons AND access_role = 'owner' AS receives_lessons
            FROM calendars JOIN tutors USING (user_id)";
        let mut connection = self.connection.lock().await;
        let rows: Vec<Calendar> = sqlx::query_as(query)
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        let now = self.test.now();
        for (n, tutor) in self.tutors.iter().enumerate() {
            let (mut blocking, mut receiving) = (BTreeSet::new(), tutor.account.clone());
            let mut is_listed = false;
            for (of, id, is_primary, blocks, receives) in &rows {
                if *of != tutor.id().0 {
                    continue;
                }
                is_listed |= is_primary;
                if *blocks {
                    blocking.insert(id.clone());
                }
                if *receives {
                    receiving.clone_from(id);
                }
            }
            if !is_listed {
                // As long as it is not known which there are.
                blocking.insert(tutor.account.clone());
            }
            let known = &mut self.memory().known[n];
            known.blocking = blocking.into_iter().collect();
            if known
                .receiving
                .last()
                .is_none_or(|(_, it)| *it != receiving)
            {
                known.receiving.push((now, receiving));
            }
        }
    }

    /// What is kept of when each tutor is busy.
    async fn kept(&self) -> [Vec<Span>; TUTORS] {
        let query = "SELECT tutor_id, starts_at, ends_at FROM busy_spans WHERE ends_at > $1";
        let rows: Vec<(Uuid, DateTime<Utc>, DateTime<Utc>)> = sqlx::query_as(query)
            .bind(self.test.now())
            .fetch_all(&mut *self.connection.lock().await)
            .await
            .unwrap();
        let window = self.window();
        let of = |tutor: usize| {
            let id = self.tutors[tutor].id().0;
            let rows = rows.iter().filter(|(of, ..)| *of == id);
            let spans = rows.filter_map(|(_, start, end)| Span::new(*start, *end));
            intersect(&union(spans.collect()), &[window])
        };
        [0, 1, 2].map(of)
    }

    /// Lets all trouble end, and time pass until nothing is left to do.
    pub async fn come_to_rest(&mut self) {
        self.calm();
        self.arrive().await;
        self.memory().late_since = None;
        self.mend().await;
        // After a refusal nobody asks for nine hours, after a quota was used up not for one.
        for minutes in [1, 12, 1, 65, 60, 8 * 60, 2 * 60, 12, 1, 12] {
            self.pass(TimeDelta::minutes(minutes)).await;
            self.work(2).await;
            self.deliver(super::trouble::Delivery::All).await;
            self.mend().await;
            self.work(1).await;
            self.look().await;
        }
    }

    /// What must hold when all has come to rest.
    pub async fn expect_agreement(&self) {
        self.test.expect_nobody_double_booked().await;
        self.expect_nothing_to_do().await;
        let standings = self.standings().await;
        for (tutor, standing) in standings.iter().enumerate() {
            self.expect_connected(tutor).await;
            self.expect_lessons(tutor, standing).await;
            self.expect_channels(tutor).await;
        }
        for (tutor, kept) in self.kept().await.into_iter().enumerate() {
            assert_eq!(kept, self.busy(tutor), "busy time of tutor {tutor}");
            self.expect_slots_free(tutor).await;
        }
    }

    async fn expect_nothing_to_do(&self) {
        let left: Vec<(String, String, Option<String>)> = sqlx::query_as(
            "SELECT kind, key, last_error FROM jobs
             WHERE kind <> 'read_busy_time' OR failing_since IS NOT NULL OR dead_at IS NOT NULL",
        )
        .fetch_all(&mut *self.connection.lock().await)
        .await
        .unwrap();
        assert!(left.is_empty(), "jobs that are not done: {left:#?}");
    }

    async fn expect_connected(&self, tutor: usize) {
        let connection = self.connection_of(tutor).await;
        for (field, value) in [
            ("state", json!("connected")),
            ("failing_since", Value::Null),
            ("busy_unknown_since", Value::Null),
        ] {
            assert_eq!(connection[field], value, "{field} of tutor {tutor}");
        }
    }

    /// Of each lesson that stands there is one event, which shows it, in the calendar that it is to be in; and there are no
    /// others of ours. What was over when the tutor connected again is left as it was, and where a tutor has moved or deleted the
    /// event of a lesson that had begun before anybody looked.
    async fn expect_lessons(&self, tutor: usize, standing: &Standing) {
        let connected_at = standing.connected_at.unwrap();
        let mut events: BTreeMap<String, _> = BTreeMap::new();
        for event in self.lesson_events(tutor) {
            events.insert(event.lesson.clone(), event);
        }
        for lesson in self.lessons(tutor).await {
            let found = events.remove(&lesson.id);
            let has_begun = lesson.starts_at <= self.test.now();
            let is_left = has_begun && self.memory().changed.contains(&lesson.id);
            if lesson.ends_at <= connected_at || is_left && !lesson.is_cancelled {
                continue;
            }
            let of = format!("of lesson {} of tutor {tutor}", lesson.id);
            if lesson.is_cancelled {
                assert!(found.is_none(), "an event {of}, which is cancelled");
                continue;
            }
            let found = found.unwrap_or_else(|| panic!("no event {of}: {lesson:?}"));
            assert_eq!(shown(&found.event, &lesson), lesson, "{of}");
            let receiving = self.memory().known[tutor].received_since(lesson.created_at);
            assert!(
                receiving.contains(&found.calendar),
                "{of}: in {}, not in one of {receiving:?}",
                found.calendar
            );
            let noted = lesson.calendar.as_deref().filter(|it| *it != "primary");
            let account = &self.tutors[tutor].account;
            assert_eq!(noted.unwrap_or(account), found.calendar, "{of}");
        }
        let others: Vec<_> = events.keys().collect();
        assert!(others.is_empty(), "events of no lessons: {others:?}");
    }

    async fn lessons(&self, tutor: usize) -> Vec<Lesson> {
        let rows: Vec<(_, _, _, _, _, _, _, _, _)> = sqlx::query_as(
            "SELECT lessons.id::text, lessons.starts_at, lessons.ends_at,
                    subjects.name || ', ' || level || CASE WHEN capacity > 1 THEN ' (group of up to ' || capacity || ')'
                        ELSE ': ' || coalesce(string_agg(users.name, ', '), '') END,
                    array_remove(array_agg(users.email ORDER BY users.email), NULL),
                    calendar_revision::text, lessons.created_at, calendar_event_calendar, lessons.status = 'cancelled'
             FROM lessons JOIN subjects ON subjects.id = subject_id
             LEFT JOIN bookings ON lesson_id = lessons.id AND bookings.status IN ('confirmed', 'completed', 'no_show')
             LEFT JOIN users ON users.id = student_id
             WHERE tutor_id = $1
             GROUP BY lessons.id, subjects.name",
        )
        .bind(self.tutors[tutor].id().0)
        .fetch_all(&mut *self.connection.lock().await)
        .await
        .unwrap();
        let lesson = |row| {
            let (
                id,
                starts_at,
                ends_at,
                summary,
                guests,
                revision,
                created_at,
                calendar,
                is_cancelled,
            ) = row;
            Lesson {
                id,
                starts_at,
                ends_at,
                summary,
                guests,
                revision,
                created_at,
                calendar,
                is_cancelled,
            }
        };
        rows.into_iter().map(lesson).collect()
    }

    /// Each calendar that blocks and is the tutor's own has a channel, which is open.
    async fn expect_channels(&self, tutor: usize) {
        let (db, now) = (&self.test.app.db, self.test.now());
        let user = store::tutor::user_of(db, self.tutors[tutor].id()).await;
        let user = user.unwrap().unwrap();
        let known = store::calendar_channel::of_user(db, user).await.unwrap();
        let mut wanted = BTreeSet::new();
        for calendar in store::calendar::of_user(db, user).await.unwrap() {
            if !calendar.blocks || calendar.access_role != store::calendar::AccessRole::Owner {
                continue;
            }
            wanted.insert(calendar.id);
            let mut of = known
                .iter()
                .filter(|it| it.calendar_id == Some(calendar.id));
            let (one, other) = (of.next(), of.next());
            let one = one.unwrap_or_else(|| panic!("no channel of {}", calendar.google_id));
            // The one before stays until something is heard by the one that is to take its place.
            let is_heard = other.is_some_and(|it| it.heard_at.is_some());
            assert!(!is_heard, "two channels of {}", calendar.google_id);
            assert!(one.expires_at.is_some_and(|end| end > now), "{one:?}");
            let open = self.test.google.channels(&calendar.google_id);
            assert!(open.contains(&one.id.to_string()), "{open:?}, not {one:?}");
        }
        let others = known.iter().filter(|channel| {
            channel
                .calendar_id
                .is_none_or(|calendar| !wanted.contains(&calendar))
        });
        assert_eq!(others.count(), 0, "channels that are of no use: {known:#?}");
    }

    /// When nothing was heard for longer than a channel lives of those that were opened and not known to be, each calendar
    /// has one at most.
    pub async fn expect_no_spare_channels(&self) {
        for _ in 0..16 {
            self.pass(TimeDelta::hours(12)).await;
            self.work(2).await;
            self.work(1).await;
            self.deliver(Delivery::All).await;
            self.work(1).await;
        }
        self.look().await;
        for tutor in &self.tutors {
            for calendar in &tutor.calendars {
                let open = self.test.google.channels(calendar);
                assert!(open.len() <= 1, "channels of {calendar}: {open:?}");
            }
        }
        self.expect_agreement().await;
    }

    /// What a student is offered is no time at which the tutor is busy.
    async fn expect_slots_free(&self, tutor: usize) {
        let window = self.window();
        let until = window.start() + TimeDelta::days(14);
        let iso = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let path = format!(
            "/slots?from={}&to={}&minutes=60",
            iso(window.start()),
            iso(until)
        );
        let path = self.tutors[tutor].at_centre.path(&path);
        let slots = self.students[0].get(&path).await;
        let slots = slots.expect(200);
        let slots = slots["items"].as_array().unwrap().iter().map(|slot| {
            let time = |side: &str| at(slot[side].as_str().unwrap());
            Span::new(time("start"), time("end")).unwrap()
        });
        let offered = intersect(&union(slots.collect()), &self.busy(tutor));
        assert!(offered.is_empty(), "offered of tutor {tutor}: {offered:?}");
    }
}

/// What an event shows of a lesson.
fn shown(event: &Value, lesson: &Lesson) -> Lesson {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let time = |side: &str| at(event[side]["dateTime"].as_str().unwrap());
    let guests = event["attendees"].as_array().into_iter().flatten();
    let mut guests: Vec<_> = guests.map(|guest| text(&guest["email"])).collect();
    guests.sort_unstable();
    let private = &event["extendedProperties"]["private"];
    Lesson {
        id: text(&private[MARK]),
        starts_at: time("start"),
        ends_at: time("end"),
        summary: text(&event["summary"]),
        guests,
        revision: text(&private["tutoringSchedulerRevision"]),
        ..lesson.clone()
    }
}

impl Known {
    /// Notes what is known of when the tutor is busy, and fails if some of it is not any more that still stands.
    fn see(&mut self, tutor: usize, standing: &[Span], kept: &[Span]) {
        let busy = intersect(&self.busy, standing);
        let lost = subtract(&busy, kept);
        assert!(
            lost.is_empty(),
            "tutor {tutor} seems free, and is known to be busy: {lost:?}"
        );
        let learnt = intersect(kept, standing);
        self.busy = union(busy.into_iter().chain(learnt).collect());
    }

    /// The calendars that have received lessons at some time since then.
    fn received_since(&self, since: DateTime<Utc>) -> BTreeSet<String> {
        let before = self.receiving.iter().rev().find(|(from, _)| *from < since);
        let later = self.receiving.iter().filter(|(from, _)| *from >= since);
        let all = before.into_iter().chain(later);
        all.map(|(_, calendar)| calendar.clone()).collect()
    }
}
