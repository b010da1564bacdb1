//! Guardians book, move and cancel for their students, and see nothing else.

use crate::support::{Centre, Person, TestApp, email, lesson::book};
use reqwest::Method;
use serde_json::json;

/// Ada links Gita to Sam; Gita signs in again.
async fn link(test: &TestApp, admin: &Person, guardian: &str, student: &Person) -> Person {
    let guardian_person = test.student(guardian).await;
    let new = json!({"guardian_id": guardian_person.id().await, "student_id": student.id().await});
    admin.post("/v1/guardianships", &new).await.expect(201);
    test.sign_in(&email(guardian)).await
}

#[tokio::test]
async fn a_guardian_books_moves_and_cancels_for_the_student_and_for_nobody_else() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.tutor(&test, "Tina").await;
    let admin = test.admin("Ada").await;
    let (sam, olga) = (test.student("Sam").await, test.student("Olga").await);
    let gita = link(&test, &admin, "Gita", &sam).await;
    assert_eq!(
        gita.get("/v1/me").await.expect(200)["roles"],
        json!(["guardian", "student"])
    );
    let sams = sam.id().await;
    let mut wanted = tutor.lesson("2027-03-02T08:00:00Z", 60);
    wanted["student_id"] = json!(sams);
    let booked = gita.post("/v1/bookings", &wanted).await.expect(201);
    assert_eq!(booked["student"]["name"], "Sam");
    let path = format!("/v1/bookings/{}", booked["id"].as_str().unwrap());
    for person in [&gita, &sam] {
        person.get(&path).await.expect(200);
    }
    let listed = format!("/v1/bookings?student_id={sams}");
    let listed = gita.get(&listed).await.expect(200);
    assert_eq!(listed["items"][0]["id"], booked["id"]);
    let slots = "from=2027-03-02T08:00:00Z&to=2027-03-02T09:00:00Z&minutes=60";
    for path in [
        tutor.path(&format!("/slots?{slots}")),
        format!("/v1/slots?subject=mathematics&{slots}"),
    ] {
        let found = gita.get(&format!("{path}&student_id={sams}")).await;
        assert_eq!(found.expect(200)["items"], json!([]), "Sam has a lesson");
    }

    // Of a student who is not theirs they learn nothing.
    let others = olga
        .post("/v1/bookings", &tutor.lesson("2027-03-02T10:00:00Z", 60))
        .await
        .expect(201);
    let others = format!("/v1/bookings/{}", others["id"].as_str().unwrap());
    gita.get(&others).await.expect_problem(404, "not_found");
    let to = json!({"start": "2027-03-02T09:00:00Z", "end": "2027-03-02T10:00:00Z"});
    let moved = gita.post(&format!("{others}/reschedule"), &to).await;
    moved.expect_problem(404, "not_found");
    for id in [olga.id().await, uuid::Uuid::now_v7().to_string()] {
        wanted["student_id"] = json!(id);
        gita.post("/v1/bookings", &wanted)
            .await
            .expect_problem(404, "not_found");
        let query = format!("student_id={id}&{slots}");
        for path in [
            format!("/v1/bookings?student_id={id}"),
            tutor.path(&format!("/slots?{query}")),
            format!("/v1/slots?subject=mathematics&{query}"),
            format!("/v1/slots/next?subject=mathematics&minutes=60&student_id={id}"),
            tutor.path(&format!(
                "/slots/explain?start=2027-03-02T08:00:00Z&minutes=60&student_id={id}"
            )),
        ] {
            gita.get(&path).await.expect_problem(404, "not_found");
        }
    }
    let moved = gita.post(&format!("{path}/reschedule"), &to).await;
    assert_eq!(moved.expect(200)["start"], to["start"]);
    assert_eq!(sam.get(&path).await.expect(200)["start"], to["start"]);
    let cancel = gita.post(&format!("{path}/cancel"), &json!({})).await;
    assert_eq!(cancel.expect(200)["status"], "cancelled");
}

#[tokio::test]
async fn either_side_ends_a_guardianship_and_then_the_guardian_sees_nothing() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.tutor(&test, "Tina").await;
    let admin = test.admin("Ada").await;
    let (sam, olga) = (test.student("Sam").await, test.student("Olga").await);
    let gita = link(&test, &admin, "Gita", &sam).await;
    let booked = sam
        .post("/v1/bookings", &tutor.lesson("2027-03-02T08:00:00Z", 60))
        .await
        .expect(201);
    let booking = format!("/v1/bookings/{}", booked["id"].as_str().unwrap());
    gita.get(&booking).await.expect(200);
    let (guardian, student) = (gita.id().await, sam.id().await);
    for person in [&gita, &sam] {
        let listed = person.get("/v1/guardianships").await.expect(200);
        assert_eq!(listed["items"][0]["student"]["name"], "Sam");
    }
    let none = olga.get("/v1/guardianships").await.expect(200);
    assert_eq!(none["items"], json!([]));
    let path = format!("/v1/guardianships/{guardian}/{student}");
    let mirrored = format!("/v1/guardianships/{student}/{guardian}");
    olga.delete(&path).await.expect_problem(404, "not_found");
    sam.delete(&mirrored).await.expect_problem(404, "not_found");
    sam.delete(&path).await.expect(204);
    gita.get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    let gita = test.sign_in(&email("Gita")).await;
    gita.get(&booking).await.expect_problem(404, "not_found");
    assert_eq!(
        gita.get("/v1/me").await.expect(200)["roles"],
        json!(["student"])
    );
    let again = json!({"guardian_id": guardian, "student_id": student});
    admin.post("/v1/guardianships", &again).await.expect(201);
    admin
        .post("/v1/guardianships", &again)
        .await
        .expect_problem(409, "already_guardian");
    let gita = test.sign_in(&email("Gita")).await;
    let phone = test.sign_in(&email("Gita")).await;
    gita.delete(&path).await.expect(204);
    gita.get("/v1/me").await.expect(200);
    phone
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
}

#[tokio::test]
async fn who_is_a_guardian_no_longer_acts_for_nobody() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.tutor(&test, "Tina").await;
    let admin = test.admin("Ada").await;
    let sam = test.student("Sam").await;
    let gita = link(&test, &admin, "Gita", &sam).await;
    let user = format!("/v1/users/{}", gita.id().await);
    let etag = admin.get(&user).await.etag();
    let roles = json!({"roles": ["student"]});
    admin
        .edit(
            reqwest::Method::PUT,
            &format!("{user}/roles"),
            &etag,
            &roles,
        )
        .await
        .expect(200);
    let gita = test.sign_in(&email("Gita")).await;
    let mut wanted = tutor.lesson("2027-03-02T08:00:00Z", 60);
    wanted["student_id"] = json!(sam.id().await);
    let refused = gita.post("/v1/bookings", &wanted).await;
    refused.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_guardian_does_not_book_for_who_is_suspended() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.tutor(&test, "Tina").await;
    let admin = test.admin("Ada").await;
    let sam = test.student("Sam").await;
    let gita = link(&test, &admin, "Gita", &sam).await;
    let id = sam.id().await;
    let suspend = format!("/v1/users/{id}/suspend");
    admin.post(&suspend, &json!({})).await.expect(200);
    let mut wanted = tutor.lesson("2027-03-02T08:00:00Z", 60);
    wanted["student_id"] = json!(id);
    for person in [&gita, &admin] {
        let refused = person.post("/v1/bookings", &wanted).await;
        refused.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn only_admins_link_people_and_only_people_there_are() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let (sam, olga) = (test.student("Sam").await, test.student("Olga").await);
    let (a, b) = (sam.id().await, olga.id().await);
    let new = json!({"guardian_id": a, "student_id": b});
    sam.post("/v1/guardianships", &new)
        .await
        .expect_problem(403, "not_an_admin");
    let same = json!({"guardian_id": a, "student_id": a});
    admin
        .post("/v1/guardianships", &same)
        .await
        .expect_problem(422, "invalid_fields");
    let unknown = json!({"guardian_id": a, "student_id": uuid::Uuid::now_v7()});
    let refused = admin.post("/v1/guardianships", &unknown).await;
    let refused = refused.expect_problem(422, "invalid_fields");
    assert_eq!(refused["errors"][0]["field"], "student_id");
    assert_eq!(refused["errors"][0]["code"], "unknown_user");
}

/// Ada says what somebody is, who then signs in again.
async fn be(test: &TestApp, admin: &Person, person: &Person, role: &str) -> Person {
    let me = person.get("/v1/me").await.expect(200);
    let user = format!("/v1/users/{}", me["id"].as_str().unwrap());
    let (path, etag) = (format!("{user}/roles"), admin.get(&user).await.etag());
    let roles = json!({"roles": [role]});
    let set = admin.edit(Method::PUT, &path, &etag, &roles).await;
    set.expect(200);
    test.sign_in(me["email"].as_str().unwrap()).await
}

/// Who is no student has somebody else in mind.
#[tokio::test]
async fn who_books_for_others_and_is_no_student_has_to_say_for_whom() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let admin = test.admin("Ada").await;
    let sam = test.student("Sam").await;
    let gita = link(&test, &admin, "Gita", &sam).await;
    let mut group = tutor.lesson("2027-03-04T08:00:00Z", 60);
    group["capacity"] = json!(4);
    let group = tutor.person.post("/v1/lessons", &group).await.expect(201);
    let wanted = tutor.lesson("2027-03-02T08:00:00Z", 60);
    let wish = json!({
        "subject": "mathematics", "level": "School", "minutes": 60,
        "windows": [{"start": "2027-03-09T08:00:00Z", "end": "2027-03-09T12:00:00Z"}],
    });
    let series = json!({
        "tutor_id": tutor.id.0, "subject": "mathematics", "level": "School",
        "start": "2027-03-05T09:00", "minutes": 60, "rule": "FREQ=WEEKLY;COUNT=2",
    });
    let join = format!("/v1/lessons/{}/join", group["id"].as_str().unwrap());
    let asked = [
        ("/v1/bookings", &wanted),
        ("/v1/holds", &wanted),
        ("/v1/series", &series),
        ("/v1/waitlist", &json!({"wish": wish})),
        (&join, &json!({})),
    ];
    let gita = be(&test, &admin, &gita, "guardian").await;
    let ada = be(&test, &admin, &admin, "admin").await;
    for person in [&gita, &ada] {
        for (path, body) in &asked {
            let refused = person.post(path, body).await;
            let refused = refused.expect_problem(422, "invalid_fields");
            let error = &refused["errors"][0];
            assert_eq!(
                (&error["field"], &error["code"]),
                (&json!("student_id"), &json!("missing")),
                "{path}"
            );
        }
    }
    let sams = sam.id().await;
    for (path, body) in asked {
        let mut body = body.clone();
        body["student_id"] = json!(sams);
        let done = gita.post(path, &body).await;
        if path == "/v1/holds" {
            // It is booked already.
            done.expect_problem(409, "slot_unavailable");
        } else {
            done.expect(201);
        }
    }
}

#[tokio::test]
async fn guardians_see_the_lessons_of_all_their_students_and_their_own_together() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let admin = test.admin("Ada").await;
    let (sam, mia) = (test.student("Sam").await, test.student("Mia").await);
    let gita = link(&test, &admin, "Gita", &sam).await;
    let second = json!({"guardian_id": gita.id().await, "student_id": mia.id().await});
    admin.post("/v1/guardianships", &second).await.expect(201);
    let olga = test.student("Olga").await;
    for (person, start) in [
        (&mia, "2027-03-02T08:00:00Z"),
        (&olga, "2027-03-02T09:00:00Z"),
        (&sam, "2027-03-02T10:00:00Z"),
        (&gita, "2027-03-02T11:00:00Z"),
        (&mia, "2027-03-02T12:00:00Z"),
    ] {
        book(person, &tutor, start).await;
    }
    let whose = async |person: &Person, query: &str| {
        let path = format!("/v1/bookings{query}");
        let found = person.pages_of_one(&path).await.into_iter();
        let names = found.map(|booking| booking["student"]["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    for query in ["", "?as=student"] {
        assert_eq!(whose(&gita, query).await, ["Mia", "Sam", "Gita", "Mia"]);
        assert_eq!(whose(&sam, query).await, ["Sam"]);
        assert_eq!(whose(&admin, query).await, [""; 0]);
    }
    let own = format!("?student_id={}", gita.id().await);
    assert_eq!(whose(&gita, &own).await, ["Gita"]);
    // Whose guardian she is no more, she sees no more of.
    let path = format!("/v1/guardianships/{}/{}", gita.id().await, mia.id().await);
    admin.delete(&path).await.expect(204);
    assert_eq!(whose(&gita, "").await, ["Sam", "Gita"]);
}
