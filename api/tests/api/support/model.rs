//! Tutors who differ in everything that decides when they can be booked.

use super::{Person, TestApp, TutorAtCentre, at};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};

/// Models that differ in everything that decides.
pub fn model() -> impl Strategy<Value = Model> {
    let time = || (0_u32..48).prop_map(|half| format!("{:02}:{:02}", half / 2, half % 2 * 30));
    let hours = || {
        (time(), time()).prop_map(|(start, end)| json!({"local_start": start, "local_end": end}))
    };
    let zone = prop::sample::select(vec![
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "Pacific/Apia",
    ]);
    let policy = (
        0_i32..3,
        0_i32..3,
        prop::option::of(1_i32..3),
        prop::option::of(2_i32..5),
        any::<bool>(),
        prop::sample::select(vec![15, 20, 30, 45, 60]),
        prop::sample::select(vec![0, 90, 3000]),
        prop::sample::select(vec![10, 365]),
    );
    let policy = policy.prop_map(|(before, after, day, week, from_span, grid, notice, horizon)| {
        json!({
            "minimum_notice_minutes": notice, "horizon_days": horizon,
            "buffer_before_minutes": before * 10, "buffer_after_minutes": after * 15,
            "max_lessons_per_day": day, "max_lessons_per_week": week, "start_grid_minutes": grid,
            "start_grid_anchor": if from_span { "span_start" } else { "midnight" },
        })
    });
    let overrides = prop::collection::vec((1_u32..15, prop::option::of(hours())), 0..4);
    let off = prop::option::of((1_u32..15, 0_u32..24, 1_i64..30));
    let holiday = prop::option::of(1_u32..15);
    let busy = prop::collection::vec((1_u32..15, 0_u32..23), 0..4);
    let end = prop::option::of(8_u32..15);
    let rules = prop::collection::vec(hours(), 7);
    (zone, rules, policy, overrides, off, holiday, busy, end).prop_map(
        |(zone, rules, policy, overrides, off, holiday, busy, end)| Model {
            zone,
            rules,
            policy,
            overrides,
            off,
            holiday,
            busy,
            end,
        },
    )
}

#[derive(Debug)]
pub struct Model {
    zone: &'static str,
    /// One of each weekday.
    rules: Vec<Value>,
    policy: Value,
    /// By day of March.
    overrides: Vec<(u32, Option<Value>)>,
    /// The day of March, the hour, and how many hours.
    off: Option<(u32, u32, i64)>,
    /// A day of March.
    holiday: Option<u32>,
    /// By day of March, fifty minutes from this hour on, in the tutor's calendar.
    busy: Vec<(u32, u32)>,
    /// The last day of March.
    end: Option<u32>,
}

impl Model {
    /// Makes a tutor of the first half of March 2027 so.
    pub async fn apply(&self, test: &TestApp, tutor: &TutorAtCentre, admin: &Person) {
        let end = self.end.map(|day| format!("2027-03-{day:02}"));
        let profile = json!({"time_zone": self.zone, "end_date": end});
        tutor.edit(Method::PATCH, "", &profile).await.expect(200);
        for (day, hour) in &self.busy {
            let (id, hour) = (tutor.id, format!("2027-03-{day:02} {hour:02}"));
            test.execute(&format!(
                "INSERT INTO busy_spans VALUES ('{id}', '{hour}:05Z', '{hour}:55Z') ON CONFLICT DO NOTHING"
            ))
            .await;
        }
        let days = [
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        ];
        let mut rules = Vec::new();
        for (day, hours) in days.iter().zip(&self.rules) {
            let mut rule = hours.clone();
            rule["weekday"] = json!(day);
            rules.push(rule);
            let put = tutor
                .edit(Method::PUT, "/weekly-rules", &json!({"rules": rules}))
                .await;
            if put.status == 422 {
                rules.pop();
            }
        }
        tutor
            .edit(Method::PUT, "/policy", &self.policy)
            .await
            .expect(200);
        for (day, hours) in &self.overrides {
            let hours: Vec<_> = hours.iter().collect();
            let path = tutor.path(&format!("/overrides/2027-03-{day:02}"));
            let etag = tutor.person.get(&tutor.path("")).await.etag();
            tutor
                .person
                .edit(Method::PUT, &path, &etag, &json!({"hours": hours}))
                .await
                .expect(200);
        }
        if let Some((day, hour, hours)) = self.off {
            let start: DateTime<Utc> = at(&format!("2027-03-{day:02}T{hour:02}:10:00Z"));
            let span = json!({"start": start, "end": start + TimeDelta::hours(hours)});
            tutor
                .person
                .post(&tutor.path("/time-off"), &span)
                .await
                .expect(201);
        }
        if let Some(day) = self.holiday {
            let name = format!("Only {}", tutor.id);
            let made = admin
                .post(
                    "/v1/holiday-calendars",
                    &json!({"name": name, "centre_wide": false}),
                )
                .await;
            let (location, etag) = (
                made.headers["location"].to_str().unwrap().to_owned(),
                made.etag(),
            );
            let id = made.expect(201)["id"].clone();
            let date = format!("2027-03-{day:02}");
            let holidays =
                json!({"holidays": [{"first_date": date, "last_date": date, "name": "Closed"}]});
            admin
                .edit(
                    Method::PUT,
                    &format!("{location}/holidays"),
                    &etag,
                    &holidays,
                )
                .await
                .expect(200);
            tutor
                .edit(
                    Method::PUT,
                    "/holiday-calendars",
                    &json!({"calendar_ids": [id]}),
                )
                .await
                .expect(200);
        }
    }
}
