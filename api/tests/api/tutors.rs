//! Who teaches.

use crate::support::{Centre, Person, TestApp};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

fn names(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

async fn listed(person: &Person, query: &str) -> Vec<String> {
    let path = format!("/v1/tutors{query}");
    let list = person.get(&path).await.expect(200);
    let items = list["items"].as_array().unwrap();
    names(items).into_iter().map(str::to_owned).collect()
}

fn offer(subject: &str, level: &str) -> Value {
    json!({"subject": subject, "level": level, "lesson_minutes": [60]})
}

#[tokio::test]
async fn a_tutor_is_shown_with_what_is_taught_and_without_the_address() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let shown = test
        .student("Sam")
        .await
        .get(&tutor.path(""))
        .await
        .expect(200);
    let expected = json!({
        "id": tutor.id.0, "name": "Tina", "bio": "", "languages": ["en"],
        "time_zone": "Europe/Berlin", "visible": true, "suspended": false, "end_date": null,
        "offers": [{
            "subject": {"slug": "mathematics", "name": "Mathematics"},
            "level": "School", "lesson_minutes": [60, 90],
        }],
    });
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn paging_to_the_end_shows_every_visible_tutor_once() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    for name in ["Ada", "Ben", "Cleo", "Dan", "Eve"] {
        let tutor = centre.tutor(&test, name).await;
        if name == "Cleo" {
            tutor.hide().await;
        }
    }
    let sam = test.student("Sam").await;
    let paged = sam.pages_of_one("/v1/tutors").await;
    assert_eq!(names(&paged), ["Ada", "Ben", "Dan", "Eve"]);
    let whole = sam.get("/v1/tutors?limit=4").await.expect(200);
    assert_eq!(whole["items"], json!(paged));
    assert!(whole["next_cursor"].is_null());
    let taught = sam
        .pages_of_one("/v1/tutors?subject=mathematics&level=School")
        .await;
    assert_eq!(taught, paged);
}

#[tokio::test]
async fn tutors_are_found_by_subject_and_level() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let ada = centre.tutor(&test, "Ada").await;
    let ben = centre.tutor(&test, "Ben").await;
    centre.tutor(&test, "Cleo").await;
    let none = centre.tutor(&test, "Dan").await;
    let both = json!({"offers": [offer("mathematics", "Bachelor"), offer("physics", "School")]});
    ada.edit(Method::PUT, "/offers", &both).await.expect(200);
    let physics = json!({"offers": [offer("physics", "Bachelor")]});
    ben.edit(Method::PUT, "/offers", &physics).await.expect(200);
    none.edit(Method::PUT, "/offers", &json!({"offers": []}))
        .await
        .expect(200);
    let sam = test.student("Sam").await;
    assert_eq!(listed(&sam, "").await, ["Ada", "Ben", "Cleo", "Dan"]);
    assert_eq!(listed(&sam, "?subject=mathematics").await, ["Ada", "Cleo"]);
    assert_eq!(listed(&sam, "?subject=physics").await, ["Ada", "Ben"]);
    assert_eq!(
        listed(&sam, "?subject=physics&level=Bachelor").await,
        ["Ben"]
    );
    // At this level Ada teaches another subject, and this subject at another level.
    assert_eq!(
        listed(&sam, "?subject=mathematics&level=School").await,
        ["Cleo"]
    );
    for (query, field, code) in [
        ("?subject=physics&level=Doctor", "level", "unknown_level"),
        ("?subject=alchemy", "subject", "unknown_subject"),
    ] {
        let refused = sam.get(&format!("/v1/tutors{query}")).await;
        let refused = refused.expect_problem(422, "invalid_fields");
        assert_eq!(refused["errors"][0]["field"], field);
        assert_eq!(refused["errors"][0]["code"], code);
    }
    // All that a tutor teaches is shown, not only what was looked for.
    let found = sam.get("/v1/tutors?subject=physics&level=School").await;
    assert_eq!(
        found.expect(200)["items"][0]["offers"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn a_hidden_tutor_is_not_found_and_may_come_back() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    sam.post("/v1/bookings", &tutor.lesson("2027-03-02T08:00:00Z", 60))
        .await
        .expect(201);
    tutor.hide().await;
    assert!(listed(&sam, "").await.is_empty());
    assert!(listed(&tutor.person, "").await.is_empty());
    sam.get(&tutor.path(""))
        .await
        .expect_problem(404, "not_found");
    let own = tutor.person.get(&tutor.path("")).await.expect(200);
    assert_eq!(own["visible"], false);
    // What is booked stays.
    let bookings = sam.get("/v1/bookings").await.expect(200);
    assert_eq!(bookings["items"][0]["tutor"]["name"], "Tina");
    tutor
        .edit(Method::PATCH, "", &json!({"visible": true}))
        .await
        .expect(200);
    assert_eq!(listed(&sam, "").await, ["Tina"]);
}

#[tokio::test]
async fn what_is_left_out_of_an_edit_stays() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let change = json!({"bio": "Line one.\nLine two.", "languages": ["de", "pt-BR", "zh-Hant"]});
    tutor.edit(Method::PATCH, "", &change).await.expect(200);
    let change = json!({"bio": null, "languages": null, "time_zone": "Africa/Lagos"});
    let changed = tutor.edit(Method::PATCH, "", &change).await.expect(200);
    assert_eq!(changed["bio"], "Line one.\nLine two.");
    assert_eq!(changed["languages"], json!(["de", "pt-BR", "zh-Hant"]));
    assert_eq!(changed["time_zone"], "Africa/Lagos");
    let cleared = json!({"bio": "", "languages": []});
    let cleared = tutor.edit(Method::PATCH, "", &cleared).await.expect(200);
    assert_eq!(cleared["bio"], "");
    assert_eq!(cleared["languages"], json!([]));
}

#[tokio::test]
async fn the_etag_changes_with_every_edit_of_what_belongs_to_the_tutor() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let mut seen = vec![tutor.person.get(&tutor.path("")).await.etag()];
    let rule = json!({"weekday": "monday", "local_start": "09:00", "local_end": "12:00"});
    for (method, below, change) in [
        (Method::PATCH, "", json!({"bio": "Patient."})),
        (
            Method::PUT,
            "/offers",
            json!({"offers": [offer("physics", "School")]}),
        ),
        (Method::PUT, "/weekly-rules", json!({"rules": [rule]})),
    ] {
        let etag = tutor.edit(method, below, &change).await.etag();
        for below in ["", "/offers", "/weekly-rules"] {
            let read = tutor.person.get(&tutor.path(below)).await;
            assert_eq!(read.etag(), etag);
        }
        assert!(!seen.contains(&etag), "{etag} again");
        for stale in &seen {
            tutor
                .person
                .edit(Method::PATCH, &tutor.path(""), stale, &json!({"bio": "x"}))
                .await
                .expect_problem(412, "stale_etag");
        }
        seen.push(etag);
    }
}

#[tokio::test]
async fn of_edits_of_one_version_at_once_exactly_one_wins_whatever_they_edit() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let before = tutor.person.get(&tutor.path("")).await;
    let etag = before.etag();
    let rule = json!({"weekday": "sunday", "local_start": "09:00", "local_end": "12:00"});
    let edits = [
        (Method::PATCH, "", json!({"bio": "Patient."})),
        (
            Method::PUT,
            "/offers",
            json!({"offers": [offer("physics", "School")]}),
        ),
        (Method::PUT, "/weekly-rules", json!({"rules": [rule]})),
    ];
    let all = (0..9).map(|at| {
        let (method, below, change) = edits[at % 3].clone();
        let (tutor, etag) = (&tutor, &etag);
        async move {
            let path = tutor.path(below);
            tutor.person.edit(method, &path, etag, &change).await
        }
    });
    let answers = join_all(all).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.expect_problem(412, "stale_etag");
    }
    // One of the three is changed, not one and a half.
    let shown = tutor.person.get(&tutor.path("")).await.expect(200);
    let rules = tutor.person.get(&tutor.path("/weekly-rules")).await;
    let changes = [
        shown["bio"] == "Patient.",
        shown["offers"][0]["subject"]["slug"] == "physics",
        rules.expect(200)["items"].as_array().unwrap().len() == 1,
    ];
    assert_eq!(changes.into_iter().filter(|changed| *changed).count(), 1);
}

#[tokio::test]
async fn a_tutor_who_moves_takes_the_hours_along_and_leaves_booked_instants_where_they_are() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let booked = sam
        .post("/v1/bookings", &tutor.lesson("2027-03-03T15:00:00Z", 60))
        .await;
    let location = booked.headers["location"].to_str().unwrap().to_owned();
    let before = booked.expect(201);
    tutor
        .edit(Method::PATCH, "", &json!({"time_zone": "America/New_York"}))
        .await
        .expect(200);
    let after = sam.get(&location).await.expect(200);
    assert_eq!(
        (&after["start"], &after["end"]),
        (&before["start"], &before["end"])
    );
    assert_eq!(after["time_zone"], "America/New_York");
    let path = tutor.path("/slots?from=2027-03-03T00:00:00Z&to=2027-03-04T00:00:00Z&minutes=60");
    let slots = sam.get(&path).await.expect(200);
    let starts: Vec<_> = slots["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|slot| slot["start"].as_str().unwrap())
        .collect();
    // Nine in New York is two in the afternoon in UTC, and the lesson at three is still in the way.
    assert_eq!(
        starts[..2],
        ["2027-03-03T14:00:00Z", "2027-03-03T16:00:00Z"]
    );
    assert_eq!(starts.last(), Some(&"2027-03-03T21:00:00Z"));
}
