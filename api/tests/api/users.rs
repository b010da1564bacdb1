//! Admins and the people of the centre: roles, suspension, and what becomes of lessons.

use crate::support::{Centre, Person, TestApp, email};
use api::admin::Command;
use reqwest::Method;
use serde_json::{Value, json};

fn path(id: &str, below: &str) -> String {
    format!("/v1/users/{id}{below}")
}

async fn set_roles(admin: &Person, id: &str, roles: &Value) -> crate::support::Answer {
    let etag = admin.get(&path(id, "")).await.etag();
    let body = json!({"roles": roles});
    admin
        .edit(Method::PUT, &path(id, "/roles"), &etag, &body)
        .await
}

#[tokio::test]
async fn admins_find_people() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    for name in ["Mia Keller", "Milan_Kellerman", "100% Tom"] {
        let address = email(&name.replace(' ', "."));
        test.google.add_account(google_sandbox::Account {
            email: address.clone(),
            name: name.to_owned(),
            time_zone: chrono_tz::Europe::Berlin,
        });
        test.sign_in(&address).await;
    }
    let names = async |query: &str| {
        let found = admin.get(&format!("/v1/users?{query}")).await.expect(200);
        let items = found["items"].as_array().unwrap().clone();
        let names = items.iter().map(|user| user["name"].as_str().unwrap());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        names("text=keller").await,
        ["Milan_Kellerman", "Mia Keller"]
    );
    assert_eq!(names("text=mia.KELLER%40example").await, ["Mia Keller"]);
    assert_eq!(names("text=00%25").await, ["100% Tom"]);
    assert_eq!(names("text=%25%25%25").await, [] as [&str; 0]);
    assert_eq!(names("text=n_K").await, ["Milan_Kellerman"]);
    assert_eq!(names("role=admin").await, ["Ada"]);
    assert_eq!(names("role=tutor").await, [] as [&str; 0]);
    assert_eq!(names("suspended=true").await, [] as [&str; 0]);
    let all = admin.pages_of_one("/v1/users?suspended=false").await;
    assert_eq!(all.len(), 4);
    admin
        .get("/v1/users?text=ab")
        .await
        .expect_problem(422, "invalid_fields");
}

#[tokio::test]
async fn a_change_of_role_ends_all_sessions_of_the_person_and_of_nobody_else() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let sam = test.student("Sam").await;
    let other = test.student("Olga").await;
    let id = sam.id().await;
    let user = set_roles(&admin, &id, &json!(["student", "tutor"])).await;
    let user = user.expect(200);
    assert_eq!(user["roles"], json!(["student", "tutor"]));
    sam.get("/v1/me").await.expect_problem(401, "not_signed_in");
    other.get("/v1/me").await.expect(200);

    let sam = test.sign_in(&email("Sam")).await;
    let me = sam.get("/v1/me").await.expect(200);
    assert_eq!(me["tutor_id"], user["tutor_id"]);
    let tutor = format!("/v1/tutors/{}", me["tutor_id"].as_str().unwrap());
    assert_eq!(sam.get(&tutor).await.expect(200)["visible"], false);
    other.get(&tutor).await.expect_problem(404, "not_found");

    // The same roles again change nothing.
    let same = set_roles(&admin, &id, &json!(["tutor", "student"])).await;
    same.expect(200);
    sam.get("/v1/me").await.expect(200);

    set_roles(&admin, &id, &json!(["student"]))
        .await
        .expect(200);
    let sam = test.sign_in(&email("Sam")).await;
    let me = sam.get("/v1/me").await.expect(200);
    assert_eq!(me["tutor_id"], Value::Null);
    let etag = admin.get(&tutor).await.etag();
    sam.edit(Method::PATCH, &tutor, &etag, &json!({"visible": true}))
        .await
        .expect_problem(403, "not_your_profile");
}

#[tokio::test]
async fn there_is_always_an_admin() {
    let test = TestApp::start().await;
    let ada = test.admin("Ada").await;
    let id = ada.id().await;
    set_roles(&ada, &id, &json!(["student"]))
        .await
        .expect_problem(409, "last_admin");
    ada.post(&path(&id, "/suspend"), &json!({}))
        .await
        .expect_problem(409, "last_admin");
    let bea = test.admin("Bea").await;
    // Two admins who take the role from each other at once.
    let (a, b) = (ada.id().await, bea.id().await);
    let none = json!(["student"]);
    let (of_ada, of_bea) = tokio::join!(set_roles(&ada, &b, &none), set_roles(&bea, &a, &none));
    let statuses = [of_ada.status.as_u16(), of_bea.status.as_u16()];
    assert!(statuses.contains(&200), "{statuses:?}");
    assert_eq!(
        test.count("SELECT count(*) FROM user_roles WHERE role = 'admin'")
            .await,
        1
    );
}

#[tokio::test]
async fn who_is_suspended_is_out_at_once_and_stays_out_until_reinstated() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.tutor(&test, "Tina").await;
    let admin = test.admin("Ada").await;
    let student = test.student("Sam").await;
    let booked = student
        .post("/v1/bookings", &tutor.lesson("2027-03-02T08:00:00Z", 60))
        .await
        .expect(201);
    let id = tutor.person.id().await;
    student.get(&tutor.path("")).await.expect(200);

    let why = json!({"reason": "Left."});
    let user = admin.post(&path(&id, "/suspend"), &why).await.expect(200);
    assert_eq!(user["suspended_at"], "2027-03-01T07:00:00Z");
    assert_eq!(user["suspension_reason"], "Left.");
    admin
        .post(&path(&id, "/suspend"), &why)
        .await
        .expect_problem(409, "already_suspended");
    tutor
        .person
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    let mut again = test.stranger();
    let target = again.start_sign_in().await;
    let callback = test
        .google
        .authorize(&target, &tutor.email, google_sandbox::Consent::All)
        .unwrap();
    again.follow(&callback).await;
    assert_eq!(again.cookie("session"), None);

    // Nobody finds or books them; admins still see them.
    student
        .get(&tutor.path(""))
        .await
        .expect_problem(404, "not_found");
    let listed = student.get("/v1/tutors").await.expect(200);
    assert_eq!(listed["items"], json!([]));
    let slots = "/v1/slots?subject=mathematics&minutes=60&from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z";
    assert_eq!(student.get(slots).await.expect(200)["items"], json!([]));
    let wanted = tutor.lesson("2027-03-02T10:00:00Z", 60);
    student
        .post("/v1/bookings", &wanted)
        .await
        .expect_problem(404, "not_found");
    admin
        .post("/v1/bookings", &wanted)
        .await
        .expect_problem(409, "tutor_suspended");
    assert_eq!(
        admin.get(&tutor.path("")).await.expect(200)["suspended"],
        true
    );
    student
        .get("/v1/tutors?hidden=true")
        .await
        .expect_problem(403, "not_an_admin");
    let hidden = admin.get("/v1/tutors?hidden=true").await.expect(200);
    assert_eq!(hidden["items"].as_array().unwrap().len(), 1);

    // What is booked waits for another tutor.
    let waiting = "/v1/bookings?as=centre&needs_tutor=true&status=confirmed";
    let waiting = admin.get(waiting).await.expect(200);
    assert_eq!(waiting["items"][0]["id"], booked["id"]);

    admin
        .post(&path(&id, "/reinstate"), &json!({}))
        .await
        .expect(200);
    admin
        .post(&path(&id, "/reinstate"), &json!({}))
        .await
        .expect_problem(409, "not_suspended");
    test.sign_in(&tutor.email)
        .await
        .get("/v1/me")
        .await
        .expect(200);
    student.get(&tutor.path("")).await.expect(200);
}

#[tokio::test]
async fn admins_book_and_cancel_for_anybody() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.tutor(&test, "Tina").await;
    let admin = test.admin("Ada").await;
    let student = test.student("Sam").await;
    let id = student.id().await;
    let mut wanted = tutor.lesson("2027-03-02T08:00:00Z", 60);
    wanted["student_id"] = json!(id);
    let booked = admin.post("/v1/bookings", &wanted).await.expect(201);
    assert_eq!(booked["student"]["name"], "Sam");
    let path = format!("/v1/bookings/{}", booked["id"].as_str().unwrap());
    student.get(&path).await.expect(200);
    admin.get(&path).await.expect(200);
    // Asked for the student, the time is taken by the student's own lesson too.
    let explain = tutor.path("/slots/explain?start=2027-03-02T08:00:00Z&minutes=60");
    let codes = |body: &Value| {
        let reasons = body["reasons"].as_array().unwrap().iter();
        let codes = reasons.map(|reason| reason["code"].as_str().unwrap().to_owned());
        codes.collect::<Vec<_>>()
    };
    let found = admin.get(&explain).await.expect(200);
    assert_eq!(codes(&found), ["lesson"]);
    let found = admin.get(&format!("{explain}&student_id={id}")).await;
    assert_eq!(codes(&found.expect(200)), ["lesson", "student_busy"]);
    let of_student = format!("/v1/bookings?as=centre&student_id={id}");
    let listed = admin.get(&of_student).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    student
        .get(&of_student)
        .await
        .expect_problem(403, "not_an_admin");
    let cancelled = admin.post(&format!("{path}/cancel"), &json!({})).await;
    assert_eq!(cancelled.expect(200)["status"], "cancelled");
    wanted["student_id"] = json!(uuid::Uuid::now_v7());
    admin
        .post("/v1/bookings", &wanted)
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn the_first_admin_is_made_on_the_command_line() {
    let test = TestApp::start().await;
    let grant = async |person: &str| {
        let person = person.to_owned();
        api::admin::run(&test.app.db, &Command::Grant { person }).await
    };
    let refused = grant("ada@example.com").await.unwrap_err().to_string();
    assert!(refused.contains("signs in first"), "{refused}");
    let ada = test.student("Ada").await;
    let id = ada.id().await;
    grant("ADA@Example.com").await.unwrap();
    // Whoever has seen the token before can do nothing with it now.
    ada.get("/v1/me").await.expect_problem(401, "not_signed_in");
    let ada = test.sign_in(&email("Ada")).await;
    ada.get("/v1/users").await.expect(200);
    // Once more changes nothing.
    grant(&id).await.unwrap();
    ada.get("/v1/users").await.expect(200);
    // An equal address is no proof of being one person, and one that is not confirmed is nobody's.
    let other = test.student("Olga").await.id().await;
    let again = |confirmed: &str| {
        format!(
            "INSERT INTO identities (id, user_id, issuer, subject, email, email_authoritative, created_at, confirmed_at)
             VALUES (gen_random_uuid(), '{other}', 'https://id.example.org', '{confirmed}', 'ada@example.com', true, now(), {confirmed})"
        )
    };
    test.execute(&again("NULL").replace("'NULL'", "'1'")).await;
    grant("ada@example.com").await.unwrap();
    test.execute(&again("now()").replace("'now()'", "'2'"))
        .await;
    let refused = grant("ada@example.com").await.unwrap_err().to_string();
    assert!(
        refused.contains(&id) && refused.contains(&other),
        "{refused}"
    );
    grant(&other).await.unwrap();
    let gone = test.student("Gone").await;
    let erased = gone.id().await;
    let etag = gone.get("/v1/me").await.etag();
    let erase = gone.request(Method::DELETE, "/v1/me");
    gone.send(erase.header("if-match", etag)).await.expect(204);
    let refused = grant(&erased).await.unwrap_err().to_string();
    assert!(refused.contains("nobody has signed in"), "{refused}");
    let listed = ada.get("/v1/users?role=admin").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
}

/// An operator can always make another.
#[tokio::test]
async fn the_last_admin_is_one_no_longer_if_an_operator_says_so() {
    let test = TestApp::start().await;
    let ada = test.admin("Ada").await;
    let revoke = async || {
        let person = email("Ada");
        api::admin::run(&test.app.db, &Command::Revoke { person }).await
    };
    // Who was made one by the id may have an address for which nobody vouches.
    test.execute("UPDATE identities SET email_authoritative = false")
        .await;
    revoke().await.unwrap();
    ada.get("/v1/me").await.expect_problem(401, "not_signed_in");
    let ada = test.sign_in(&email("Ada")).await;
    ada.get("/v1/users")
        .await
        .expect_problem(403, "not_an_admin");
    let revoked = "SELECT count(*) FROM audit_entries WHERE actor_kind = 'operator' AND operation = 'admin_revoke'
                   AND table_name = 'user_roles' AND action = 'delete'";
    assert_eq!(test.count(revoked).await, 1);
    // Once more changes nothing, and ends no session.
    revoke().await.unwrap();
    ada.get("/v1/me").await.expect(200);
    assert_eq!(test.count(revoked).await, 1);
}

#[tokio::test]
async fn a_tutor_no_longer_has_no_part_in_the_lessons_which_wait_for_another() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.tutor(&test, "Tina").await;
    let admin = test.admin("Ada").await;
    let student = test.student("Sam").await;
    let booked = student
        .post("/v1/bookings", &tutor.lesson("2027-03-02T08:00:00Z", 60))
        .await
        .expect(201);
    let booking = format!("/v1/bookings/{}", booked["id"].as_str().unwrap());
    let id = tutor.person.id().await;
    set_roles(&admin, &id, &json!(["student"]))
        .await
        .expect(200);
    let former = test.sign_in(&tutor.email).await;
    former.get(&booking).await.expect_problem(404, "not_found");
    former
        .post(&format!("{booking}/cancel"), &json!({}))
        .await
        .expect_problem(404, "not_found");
    let waiting = "/v1/bookings?as=centre&needs_tutor=true&status=confirmed";
    let waiting = admin.get(waiting).await.expect(200);
    assert_eq!(waiting["items"][0]["id"], booked["id"]);
}

#[tokio::test]
async fn an_edit_of_roles_is_refused_when_they_have_changed_in_any_way() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let tina = test.student("Tina").await;
    let id = tina.id().await;
    let etag = admin.get(&path(&id, "")).await.etag();
    let invitation = json!({"role": "tutor", "email": email("Tina")});
    let made = admin.post("/v1/invitations", &invitation).await.expect(201);
    let accept = format!("/v1/invitations/{}/accept", made["id"].as_str().unwrap());
    tina.post(&accept, &json!({})).await.expect(204);
    let roles = json!({"roles": ["student"]});
    admin
        .edit(Method::PUT, &path(&id, "/roles"), &etag, &roles)
        .await
        .expect_problem(412, "stale_etag");
}
