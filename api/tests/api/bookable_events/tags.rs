//! Events are opened by what their titles contain.

use super::*;
use google_sandbox::{Failure, Target};

impl World {
    fn tags_path(&self) -> String {
        self.tutor.path("/bookable-tags")
    }

    async fn tag(&self, tags: &[(&str, &str)]) {
        let tags = tags.iter().map(|(tag, subject)| {
            json!({"tag": tag, "subject": subject, "level": "School", "capacity": 3, "description": "Bring a pen."})
        });
        let wanted = json!({"tags": tags.collect::<Vec<_>>()});
        let replaced = self.tutor.edit(Method::PUT, "/bookable-tags", &wanted);
        replaced.await.expect(200);
        for _ in 0..2 {
            self.read_anew().await;
        }
    }

    fn rename(&self, title: &str) {
        self.edit(&json!({"summary": title}));
    }

    /// The titles of the lessons that students find.
    async fn lessons(&self) -> Vec<String> {
        let lessons = self.sam.get("/v1/lessons").await.expect(200);
        let lessons = lessons["items"].as_array().unwrap().iter();
        let titles = lessons.map(|it| it["title"].as_str().unwrap().to_owned());
        titles.collect()
    }

    async fn refused(&self) -> Vec<String> {
        let tags = self.tutor.person.get(&self.tags_path()).await.expect(200);
        let refused = tags["refused"].as_array().unwrap().iter();
        let reasons = refused.map(|it| it["reason"].as_str().unwrap().to_owned());
        reasons.collect()
    }

    async fn lesson_id(&self) -> String {
        let lessons = self.tutor.person.get("/v1/lessons").await.expect(200);
        lessons["items"][0]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn events_that_have_the_tag_are_open_and_no_others() {
    let world = World::new().await;
    world.rename("Office hours #OPEN");
    insert(&world.test, &world.tutor.email, THIRD);
    world.tag(&[("#open", "mathematics")]).await;
    assert_eq!(world.lessons().await, ["Office hours #OPEN"]);
    let lessons = world.sam.get("/v1/lessons").await.expect(200);
    let lesson = &lessons["items"][0];
    assert_eq!(lesson["capacity"], 3);
    assert_eq!(lesson["description"], "Bring a pen.");
    assert_eq!(lesson["own_event"], true);
    assert!(!world.is_free(THIRD).await);
    let path = format!("/v1/lessons/{}", world.lesson_id().await);
    world.join(&world.sam, &path).await;
    world.read_anew().await;
    assert_eq!(world.guests(), [email("Sam"), GUEST.to_owned()]);
}

#[tokio::test]
async fn an_event_that_gets_the_tag_later_is_opened_and_each_occurrence_of_a_repeated_one() {
    let world = World::new().await;
    world.tag(&[("#open", "mathematics")]).await;
    assert_eq!(world.lessons().await, [""; 0]);
    world.rename("#open house");
    world.read_anew().await;
    assert_eq!(world.lessons().await, ["#open house"]);
    let weekly = insert(&world.test, &world.tutor.email, THIRD);
    let changes = json!({
        "summary": "Clinic #open",
        "start": {"dateTime": at(THIRD), "timeZone": "Europe/Berlin"},
        "end": {"dateTime": at(FOURTH), "timeZone": "Europe/Berlin"},
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=8"],
    });
    let google = &world.test.google;
    google
        .patch_event(&world.tutor.email, &weekly, &changes)
        .unwrap();
    world.read_anew().await;
    let lessons = world.lessons().await;
    assert_eq!(lessons.iter().filter(|it| *it == "Clinic #open").count(), 8);
}

#[tokio::test]
async fn of_several_tags_the_first_counts() {
    let world = World::new().await;
    world.rename("[physics] and [maths]");
    let offer =
        |subject: &str| json!({"subject": subject, "level": "School", "lesson_minutes": [60]});
    let offers = json!({"offers": [offer("mathematics"), offer("physics")]});
    let taught = world.tutor.edit(Method::PUT, "/offers", &offers);
    taught.await.expect(200);
    world
        .tag(&[("[maths]", "mathematics"), ("[physics]", "physics")])
        .await;
    let lessons = world.sam.get("/v1/lessons").await.expect(200);
    assert_eq!(lessons["items"][0]["subject"]["slug"], "mathematics");
    assert_eq!(lessons["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_closed_stays_closed_though_it_has_the_tag() {
    let world = World::new().await;
    world.rename("Office hours #open");
    world.tag(&[("#open", "mathematics")]).await;
    let path = format!("/v1/lessons/{}/cancel", world.lesson_id().await);
    world.tutor.person.post(&path, &json!({})).await.expect(200);
    world.read_anew().await;
    world.rename("Office hours #open, again");
    for _ in 0..2 {
        world.read_anew().await;
    }
    assert_eq!(world.lessons().await, [""; 0]);
    // But the tutor may open it.
    place(&world.open().await);
    assert_eq!(world.lessons().await, ["Office hours #open, again"]);
}

#[tokio::test]
async fn why_an_event_is_not_open_is_told_and_tried_again_when_it_changes() {
    let world = World::new().await;
    let booked = world.tutor.lesson(THIRD, 60);
    world.sam.post("/v1/bookings", &booked).await.expect(201);
    world.test.run_jobs().await;
    world.rename("Office hours #open");
    world.drag(THIRD, 60);
    world.tag(&[("#open", "mathematics")]).await;
    assert_eq!(world.lessons().await, [""; 0]);
    assert_eq!(world.refused().await, ["lesson"]);
    world.drag(FIRST, 60);
    world.read_anew().await;
    assert_eq!(world.lessons().await, ["Office hours #open"]);
    assert_eq!(world.refused().await, [""; 0]);
}

#[tokio::test]
async fn what_was_in_the_way_is_so_no_longer_a_day_later() {
    let world = World::new().await;
    let booked = world.tutor.lesson(THIRD, 60);
    let booked = world.sam.post("/v1/bookings", &booked).await;
    world.test.run_jobs().await;
    world.rename("Office hours #open");
    world.drag(THIRD, 60);
    world.tag(&[("#open", "mathematics")]).await;
    assert_eq!(world.refused().await, ["lesson"]);
    let cancel = format!("{}/cancel", place(&booked));
    world.sam.post(&cancel, &json!({})).await.expect(200);
    world.test.run_jobs().await;
    let (app, tutor) = (&world.test.app, world.tutor.id);
    let report = api::service::reconciliation::reconcile(app, tutor, false);
    report.await.unwrap();
    world.test.run_jobs().await;
    assert_eq!(world.lessons().await, ["Office hours #open"]);
    assert_eq!(world.refused().await, [""; 0]);
}

/// Whoever opens it is cut off before that is noted.
#[tokio::test]
async fn what_was_closed_is_not_opened_by_who_comes_late() {
    let world = World::new().await;
    world.rename("Office hours #open");
    world.tag(&[("#open", "mathematics")]).await;
    let path = format!("/v1/lessons/{}/cancel", world.lesson_id().await);
    world.tutor.person.post(&path, &json!({})).await.expect(200);
    let (test, tutor) = (&world.test, world.tutor.id);
    test.execute(&format!(
        "INSERT INTO tagged_events (calendar_id, google_id, starts_at, noted_at) VALUES ('{}', '{}', '{FIRST}', '{}')",
        world.calendar,
        world.event,
        test.now(),
    ))
    .await;
    let work = api::store::job::Work::OpenTaggedEvents(tutor);
    api::store::job::enqueue(&test.app.db, work, test.now())
        .await
        .unwrap();
    test.run_jobs().await;
    assert_eq!(world.lessons().await, [""; 0]);
    assert_eq!(test.count("SELECT count(*) FROM tagged_events").await, 0);
}

#[tokio::test]
async fn one_event_that_can_not_be_asked_about_holds_up_no_other() {
    let world = World::new().await;
    world.tag(&[("#open", "mathematics")]).await;
    world.rename("First #open");
    let other = insert(&world.test, &world.tutor.email, THIRD);
    let title = json!({"summary": "Second #open"});
    let google = &world.test.google;
    google
        .patch_event(&world.tutor.email, &other, &title)
        .unwrap();
    let down = Failure::status(Target::Calendar, 500, "backendError");
    let one = format!("/events/{}", world.event);
    google.fail_next(down.path(&one).times(u32::MAX));
    world.read_anew().await;
    assert_eq!(world.lessons().await, ["Second #open"]);
}

#[tokio::test]
async fn closing_frees_no_time_while_it_is_not_known_which_events_there_are() {
    let world = World::new().await;
    let lesson = place(&world.open().await);
    world.test.run_jobs().await;
    let mut silent = Failure::status(Target::Calendar, 503, "backendError");
    silent.count = u32::MAX;
    world.test.google.fail_next(silent);
    world.tag(&[("#open", "mathematics")]).await;
    let path = format!("{lesson}/cancel");
    world.tutor.person.post(&path, &json!({})).await.expect(200);
    assert!(!world.is_free(FIRST).await);
    world.test.google.clear_failures();
    world.after(TimeDelta::hours(1)).await;
    assert!(!world.is_free(FIRST).await);
    assert!(world.is_free(SECOND).await);
}

#[tokio::test]
async fn lessons_stay_when_the_tag_goes() {
    let world = World::new().await;
    world.rename("Office hours #open");
    world.tag(&[("#open", "mathematics")]).await;
    world.tag(&[]).await;
    world.rename("Office hours");
    world.read_anew().await;
    assert_eq!(world.lessons().await, ["Office hours #open"]);
    assert_eq!(world.refused().await, [""; 0]);
}

#[tokio::test]
async fn while_google_is_silent_events_wait_to_be_opened() {
    let world = World::new().await;
    world.tag(&[("#open", "mathematics")]).await;
    world.rename("Office hours #open");
    let down = Failure::status(Target::Calendar, 503, "backendError");
    let one = format!("/events/{}", world.event);
    world.test.google.fail_next(down.path(&one).times(u32::MAX));
    world.read_anew().await;
    assert_eq!(world.lessons().await, [""; 0]);
    world.test.google.clear_failures();
    world.after(TimeDelta::hours(1)).await;
    assert_eq!(world.lessons().await, ["Office hours #open"]);
}

#[tokio::test]
async fn tags_are_the_tutors_own_and_for_what_the_tutor_teaches() {
    let world = World::new().await;
    let tag = |tag: &str, subject: &str| json!({"tag": tag, "subject": subject, "level": "School", "capacity": 3});
    for blank in ["  ", " #open", "#open "] {
        let wanted = json!({"tags": [tag(blank, "mathematics")]});
        let refused = world.tutor.edit(Method::PUT, "/bookable-tags", &wanted);
        refused.await.expect_problem(422, "invalid_fields");
    }
    let wanted = json!({"tags": [tag("#open", "mathematics"), tag("#OPEN", "mathematics"), tag("#a", "physics")]});
    let refused = world.tutor.edit(Method::PUT, "/bookable-tags", &wanted);
    let refused = refused.await.expect_problem(422, "invalid_fields");
    let errors = refused["errors"].as_array().unwrap().iter();
    let errors = errors.map(|it| [&it["field"], &it["code"]].map(|it| it.as_str().unwrap()));
    let expected = [
        ["tags[1].tag", "duplicate"],
        ["tags[2].subject", "not_offered"],
    ];
    assert_eq!(errors.collect::<Vec<_>>(), expected);
    let path = world.tags_path();
    let refused = world.sam.get(&path).await;
    refused.expect_problem(403, "not_your_profile");
}
