//! Third-party apps: what a key may do, and when it may no longer.

use crate::support::{Centre, Person, TestApp, TutorAtCentre, at};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

const ALL: [&str; 3] = ["availability:read", "bookings:read", "bookings:write"];

struct World {
    test: TestApp,
    admin: Person,
    tutor: TutorAtCentre,
    student: Person,
    /// The path of the app.
    app: String,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tutor = centre.tutor(&test, "Tina").await;
        let admin = test.admin("Ada").await;
        let student = test.student("Sam").await;
        let made = admin
            .post("/v1/third-party-apps", &json!({"name": "Kiosk"}))
            .await
            .expect(201);
        let app = format!("/v1/third-party-apps/{}", made["id"].as_str().unwrap());
        Self {
            test,
            admin,
            tutor,
            student,
            app,
        }
    }

    async fn make_key(&self, new: &Value) -> Value {
        let mut new = new.clone();
        if new["expires_at"].is_null() {
            new["expires_at"] = json!(self.test.now() + TimeDelta::days(90));
        }
        let path = format!("{}/keys", self.app);
        self.admin.post(&path, &new).await.expect(201)
    }

    async fn key(&self, new: &Value) -> Person {
        let made = self.make_key(new).await;
        Person::with_bearer(&self.test, made["key"].as_str().unwrap())
    }

    async fn ask_for_token(&self, form: &[(&str, &str)]) -> crate::support::Answer {
        let stranger = self.test.stranger();
        let request = stranger.request(Method::POST, "/v1/auth/token").form(form);
        stranger.send(request).await
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_only_its_hash_is_kept() {
    let world = World::new().await;
    let made = world
        .make_key(&json!({"scopes": ALL, "label": "Kiosk in the library"}))
        .await;
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("tsk_"), "{key}");
    let (id, secret) = (
        made["client_id"].as_str().unwrap(),
        made["client_secret"].as_str().unwrap(),
    );
    assert_eq!(key, format!("{id}{secret}"));
    let listed = world.admin.get(&format!("{}/keys", world.app)).await;
    let listed = listed.expect(200);
    assert_eq!(listed["items"][0]["client_id"], id);
    assert_eq!(listed["items"][0]["label"], "Kiosk in the library");
    let unnamed = world.make_key(&json!({"scopes": ALL})).await;
    assert_eq!(unnamed["label"], json!(null));
    assert!(!listed.to_string().contains(secret));
    for table in ["app_keys", "third_party_apps", "idempotency_keys"] {
        let hits = format!(
            "SELECT count(*) FROM {table} t WHERE strpos(to_jsonb(t)::text, '{secret}') > 0"
        );
        assert_eq!(world.test.count(&hits).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_nothing_else() {
    let world = World::new().await;
    let id = world.student.id().await;
    let mut wanted = world.tutor.lesson("2027-03-02T08:00:00Z", 60);
    wanted["student_id"] = json!(id);
    let reader = world.key(&json!({"scopes": ["availability:read"]})).await;
    reader.get("/v1/tutors").await.expect(200);
    for answer in [
        reader.get("/v1/bookings").await,
        reader.post("/v1/bookings", &wanted).await,
        reader
            .get(&format!("/v1/bookings/{}", uuid::Uuid::now_v7()))
            .await,
        // Whose time it is asked for is the student's own affair.
        reader
            .get(&world.tutor.path(&format!(
                "/slots/explain?start=2027-03-02T08:00:00Z&minutes=60&student_id={id}"
            )))
            .await,
        reader
            .get(&world.tutor.path(&format!(
                "/slots/explain?start=2027-03-02T08:00:00Z&minutes=60&moving_booking_id={id}"
            )))
            .await,
    ] {
        answer.expect_problem(403, "insufficient_scope");
    }
    let writer = world.key(&json!({"scopes": ["bookings:write"]})).await;
    writer
        .get("/v1/tutors")
        .await
        .expect_problem(403, "insufficient_scope");
    let booked = writer.post("/v1/bookings", &wanted).await.expect(201);
    assert_eq!(booked["student"]["name"], "Sam");
    let path = format!("/v1/bookings/{}", booked["id"].as_str().unwrap());
    writer
        .get(&path)
        .await
        .expect_problem(403, "insufficient_scope");
    let both = world.key(&json!({"scopes": ["bookings:read"]})).await;
    both.get(&path).await.expect(200);
    let listed = both.get("/v1/bookings").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    writer
        .post(&format!("{path}/cancel"), &json!({}))
        .await
        .expect(200);
    wanted["student_id"] = Value::Null;
    let refused = writer.post("/v1/bookings", &wanted).await;
    let refused = refused.expect_problem(422, "invalid_fields");
    assert_eq!(refused["errors"][0]["field"], "student_id");
}

#[tokio::test]
async fn a_key_is_repeated_under_its_own_idempotency_keys() {
    let world = World::new().await;
    let mut wanted = world.tutor.lesson("2027-03-02T08:00:00Z", 60);
    wanted["student_id"] = json!(world.student.id().await);
    let app = world.key(&json!({"scopes": ALL})).await;
    let ask = async |person: &Person| {
        let request = person.request(Method::POST, "/v1/bookings");
        let request = request.header("idempotency-key", "one").json(&wanted);
        person.send(request).await
    };
    let first = ask(&app).await;
    let again = ask(&app).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(first.expect(201), again.expect(201));
    ask(&world.admin)
        .await
        .expect_problem(409, "slot_unavailable");
}

#[tokio::test]
async fn a_key_stops_when_it_is_revoked_expires_or_its_app_is_disabled() {
    let world = World::new().await;
    let soon = world.test.now() + TimeDelta::days(1);
    let made = world
        .make_key(&json!({"scopes": ALL, "expires_at": soon}))
        .await;
    let expiring = Person::with_bearer(&world.test, made["key"].as_str().unwrap());
    let made = world.make_key(&json!({"scopes": ALL})).await;
    let revoked = Person::with_bearer(&world.test, made["key"].as_str().unwrap());
    let kept = world.key(&json!({"scopes": ALL})).await;
    // Several work at once, so that one can be replaced by another; on every instance.
    let elsewhere = revoked.at(&world.test.another_instance().await);
    for key in [&expiring, &revoked, &kept, &elsewhere] {
        key.get("/v1/tutors").await.expect(200);
    }
    let path = format!("{}/keys/{}", world.app, made["id"].as_str().unwrap());
    world.admin.delete(&path).await.expect(204);
    world.admin.delete(&path).await.expect(204);
    for key in [&revoked, &elsewhere] {
        key.get("/v1/tutors")
            .await
            .expect_problem(401, "not_signed_in");
    }
    world.test.set_clock(soon);
    expiring
        .get("/v1/tutors")
        .await
        .expect_problem(401, "not_signed_in");
    kept.get("/v1/tutors").await.expect(200);
    let etag = world.admin.get(&world.app).await.etag();
    let off = json!({"enabled": false});
    let off = world
        .admin
        .edit(Method::PATCH, &world.app, &etag, &off)
        .await;
    let etag = off.etag();
    assert_eq!(off.expect(200)["enabled"], false);
    kept.get("/v1/tutors")
        .await
        .expect_problem(401, "not_signed_in");
    let on = json!({"enabled": true});
    world
        .admin
        .edit(Method::PATCH, &world.app, &etag, &on)
        .await
        .expect(200);
    kept.get("/v1/tutors").await.expect(200);
    let listed = world.admin.get(&format!("{}/keys", world.app)).await;
    assert_eq!(
        listed.expect(200)["items"][0]["last_used_at"],
        "2027-03-02T07:00:00Z"
    );
}

#[tokio::test]
async fn what_is_almost_a_key_is_none() {
    let world = World::new().await;
    let made = world.make_key(&json!({"scopes": ALL})).await;
    let key = made["key"].as_str().unwrap();
    let other = world.make_key(&json!({"scopes": ALL})).await;
    let other = other["key"].as_str().unwrap();
    let swapped = format!("{}{}", &key[..26], &other[26..]);
    let unknown = format!("tsk_{}{}", "A".repeat(22), &key[26..]);
    let cut = &key[..key.len() - 1];
    for wrong in [
        "tsk_",
        "tsk_ü",
        "tsa_",
        "tsa_1.AAAA",
        "tsk_AAAA",
        cut,
        &format!("{key}A"),
        &swapped,
        &unknown,
        &key.to_uppercase(),
        &format!("tsk_{}", "é".repeat(30)),
    ] {
        let request = world
            .test
            .stranger()
            .request(Method::GET, "/v1/tutors")
            .header("authorization", format!("Bearer {wrong}").into_bytes());
        let answer = world.test.stranger().send(request).await;
        answer.expect_problem(401, "not_signed_in");
    }
}

#[tokio::test]
async fn a_key_that_is_limited_sees_only_what_it_is_limited_to() {
    let world = World::new().await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    let student = world.student.id().await;
    let mut bookings = Vec::new();
    for (tutor, start) in [
        (&world.tutor, "2027-03-02T08:00:00Z"),
        (&theo, "2027-03-02T10:00:00Z"),
    ] {
        let booked = world
            .student
            .post("/v1/bookings", &tutor.lesson(start, 60))
            .await
            .expect(201);
        bookings.push(format!("/v1/bookings/{}", booked["id"].as_str().unwrap()));
    }
    let limited = json!({"scopes": ALL, "tutor_ids": [world.tutor.id.0]});
    let limited = world.key(&limited).await;
    let listed = limited.get("/v1/tutors").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    limited.get(&world.tutor.path("")).await.expect(200);
    let window = "from=2027-03-03T00:00:00Z&to=2027-03-04T00:00:00Z&minutes=60";
    for below in [
        "",
        "/offers",
        "/weekly-rules",
        "/overrides",
        "/policy",
        &format!("/slots?{window}"),
    ] {
        limited
            .get(&theo.path(below))
            .await
            .expect_problem(404, "not_found");
    }
    let found = limited
        .get(&format!("/v1/slots?subject=mathematics&{window}"))
        .await
        .expect(200);
    assert_eq!(found["tutors"].as_array().unwrap().len(), 1);
    let theos = format!("/v1/slots?subject=mathematics&{window}&tutors={}", theo.id);
    assert_eq!(limited.get(&theos).await.expect(200)["items"], json!([]));
    for (tutor, seen) in [(&world.tutor, 1), (&theo, 0)] {
        let lesson = tutor.lesson("2027-03-03T08:00:00Z", 60);
        let held = world.student.post("/v1/holds", &lesson).await.expect(201);
        let listed = limited
            .get(&format!("/v1/holds?student_id={student}"))
            .await;
        assert_eq!(listed.expect(200)["items"].as_array().unwrap().len(), seen);
        let path = format!("/v1/holds/{}", held["id"].as_str().unwrap());
        world.student.delete(&path).await.expect(204);
    }
    for path in ["/v1/credits", "/v1/credits/entries", "/v1/quota"] {
        let of_student = limited.get(&format!("{path}?student_id={student}")).await;
        of_student.expect_problem(403, "insufficient_scope");
    }
    limited.get(&bookings[0]).await.expect(200);
    limited
        .get(&bookings[1])
        .await
        .expect_problem(404, "not_found");
    limited
        .post(&format!("{}/cancel", bookings[1]), &json!({}))
        .await
        .expect_problem(404, "not_found");
    for query in [
        "",
        "?as=centre",
        "?as=tutor",
        &format!("?as=student&student_id={student}"),
    ] {
        let listed = limited.get(&format!("/v1/bookings{query}")).await;
        assert_eq!(listed.expect(200)["items"].as_array().unwrap().len(), 1);
    }
    // When the student has lessons with others is not for it to know, only that it can't be booked.
    let at_theos = "start=2027-03-02T10:00:00Z&minutes=60";
    let explain = world
        .tutor
        .path(&format!("/slots/explain?{at_theos}&student_id={student}"));
    let reasons = limited.get(&explain).await.expect(200)["reasons"].clone();
    assert_eq!(reasons, json!([{"code": "student_busy"}]));
    let mut wanted = theo.lesson("2027-03-03T08:00:00Z", 60);
    wanted["student_id"] = json!(student);
    limited
        .post("/v1/bookings", &wanted)
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn an_app_asks_a_tutor_who_wants_to_be_asked_and_does_not_answer_for_the_tutor() {
    let world = World::new().await;
    let asks = json!({"requires_approval": true});
    let asks = world.tutor.edit(Method::PUT, "/policy", &asks).await;
    asks.expect(200);
    let key = world.key(&json!({"scopes": ALL})).await;
    let mut wanted = world.tutor.lesson("2027-03-02T08:00:00Z", 60);
    wanted["student_id"] = json!(world.student.id().await);
    let booked = key.post("/v1/bookings", &wanted).await.expect(201);
    assert_eq!(booked["status"], "requested");
    let approve = format!("/v1/bookings/{}/approve", booked["id"].as_str().unwrap());
    let approved = key.edit(Method::POST, &approve, "*", &json!({})).await;
    approved.expect_problem(403, "people_only");
    let tutor = &world.tutor.person;
    let approved = tutor.edit(Method::POST, &approve, "*", &json!({})).await;
    approved.expect(200);
}

#[tokio::test]
async fn a_key_that_is_limited_to_a_subject_knows_no_other() {
    let world = World::new().await;
    let offers = json!({"offers": [
        {"subject": "mathematics", "level": "School", "lesson_minutes": [60]},
        {"subject": "physics", "level": "School", "lesson_minutes": [45]},
    ]});
    let edited = world.tutor.edit(Method::PUT, "/offers", &offers).await;
    edited.expect(200);
    let booked = world
        .student
        .post(
            "/v1/bookings",
            &world.tutor.lesson("2027-03-02T08:00:00Z", 60),
        )
        .await
        .expect(201);
    let limited = json!({"scopes": ALL, "subjects": ["physics"]});
    let limited = world.key(&limited).await;
    let subjects = limited.get("/v1/subjects").await.expect(200);
    assert_eq!(subjects["items"].as_array().unwrap().len(), 1);
    let tutor = limited.get(&world.tutor.path("")).await.expect(200);
    assert_eq!(tutor["offers"].as_array().unwrap().len(), 1);
    let window = "from=2027-03-03T00:00:00Z&to=2027-03-04T00:00:00Z";
    limited
        .get(&world.tutor.path(&format!("/slots?{window}&minutes=60")))
        .await
        .expect_problem(422, "invalid_fields");
    limited
        .get(&world.tutor.path(&format!("/slots?{window}&minutes=45")))
        .await
        .expect(200);
    for slug in ["mathematics", "alchemy"] {
        let refused = limited
            .get(&format!("/v1/slots?subject={slug}&{window}&minutes=60"))
            .await
            .expect_problem(422, "invalid_fields");
        assert_eq!(refused["errors"][0]["code"], "unknown_subject");
    }
    let path = format!("/v1/bookings/{}", booked["id"].as_str().unwrap());
    limited.get(&path).await.expect_problem(404, "not_found");
    let mut wanted = world.tutor.lesson("2027-03-03T08:00:00Z", 60);
    wanted["student_id"] = json!(world.student.id().await);
    limited
        .post("/v1/bookings", &wanted)
        .await
        .expect_problem(422, "invalid_fields");
    // Who teaches nothing of it is not there.
    let theo = Centre.tutor(&world.test, "Theo").await;
    limited
        .get(&theo.path(""))
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn an_access_token_stands_for_a_key_for_some_time_and_some_scopes() {
    let world = World::new().await;
    let made = world
        .make_key(&json!({"scopes": ["availability:read", "bookings:read"]}))
        .await;
    let (id, secret) = (
        made["client_id"].as_str().unwrap(),
        made["client_secret"].as_str().unwrap(),
    );
    let grant = ("grant_type", "client_credentials");
    let client = [("client_id", id), ("client_secret", secret)];
    let form = [&[grant][..], &client, &[("scope", "availability:read")]].concat();
    let issued = world.ask_for_token(&form).await;
    assert_eq!(issued.headers["cache-control"], "no-store");
    let issued = issued.expect(200);
    assert_eq!(issued["token_type"], "Bearer");
    assert_eq!(issued["expires_in"], 900);
    // No longer than the key.
    let soon = world.test.now() + TimeDelta::minutes(5);
    let short = world
        .make_key(&json!({"scopes": ["availability:read"], "expires_at": soon}))
        .await;
    let text = |name: &str| short[name].as_str().unwrap().to_owned();
    let (short_id, short_secret) = (text("client_id"), text("client_secret"));
    let client_of_short = [("client_id", &*short_id), ("client_secret", &*short_secret)];
    let form_of_short = [&[grant][..], &client_of_short].concat();
    let short = world.ask_for_token(&form_of_short).await.expect(200);
    assert_eq!(short["expires_in"], 300);
    assert_eq!(issued["scope"], "availability:read");
    let token = Person::with_bearer(&world.test, issued["access_token"].as_str().unwrap());
    token.get("/v1/tutors").await.expect(200);
    token
        .get("/v1/bookings")
        .await
        .expect_problem(403, "insufficient_scope");
    world.test.pass(TimeDelta::seconds(899));
    token.get("/v1/tutors").await.expect(200);
    world.test.pass(TimeDelta::seconds(1));
    token
        .get("/v1/tutors")
        .await
        .expect_problem(401, "not_signed_in");

    // By Basic authentication, for all scopes; and it ends with the key.
    let stranger = world.test.stranger();
    let request = stranger
        .request(Method::POST, "/v1/auth/token")
        .form(&[grant]);
    let issued = stranger.send(request.basic_auth(id, Some(secret))).await;
    let issued = issued.expect(200);
    assert_eq!(issued["scope"], "availability:read bookings:read");
    let token = Person::with_bearer(&world.test, issued["access_token"].as_str().unwrap());
    token.get("/v1/bookings").await.expect(200);
    let path = format!("{}/keys/{}", world.app, made["id"].as_str().unwrap());
    world.admin.delete(&path).await.expect(204);
    token
        .get("/v1/bookings")
        .await
        .expect_problem(401, "not_signed_in");
    let refused = world.ask_for_token(&form).await.expect(401);
    assert_eq!(refused["error"], "invalid_client");
}

type Form<'a> = &'a [(&'a str, &'a str)];

#[tokio::test]
async fn the_token_endpoint_refuses_as_rfc_6749_says() {
    let world = World::new().await;
    let made = world.make_key(&json!({"scopes": ["bookings:read"]})).await;
    let (id, secret) = (
        made["client_id"].as_str().unwrap(),
        made["client_secret"].as_str().unwrap(),
    );
    let grant = ("grant_type", "client_credentials");
    let (by_id, by_secret) = (("client_id", id), ("client_secret", secret));
    let nobody = ("client_id", "tsk_AAAAAAAAAAAAAAAAAAAAAA");
    let cases: [(u16, &str, Form); 10] = [
        (400, "invalid_request", &[]),
        (400, "invalid_request", &[grant]),
        (400, "invalid_request", &[grant, by_id]),
        // A field that stands twice (RFC 6749 section 3.2).
        (400, "invalid_request", &[grant, grant, by_id, by_secret]),
        (
            400,
            "unsupported_grant_type",
            &[("grant_type", "password"), by_id, by_secret],
        ),
        (
            401,
            "invalid_client",
            &[grant, by_id, ("client_secret", "wrong")],
        ),
        (401, "invalid_client", &[grant, nobody, by_secret]),
        (
            401,
            "invalid_client",
            &[grant, ("client_id", "\u{0}"), by_secret],
        ),
        (
            400,
            "invalid_scope",
            &[
                grant,
                by_id,
                by_secret,
                ("scope", "bookings:read bookings:write"),
            ],
        ),
        (
            400,
            "invalid_scope",
            &[grant, by_id, by_secret, ("scope", "")],
        ),
    ];
    for (status, error, form) in cases {
        let answer = world.ask_for_token(form).await;
        let is_basic = answer.headers.get("www-authenticate").is_some();
        assert_eq!(is_basic, status == 401, "{form:?}");
        assert_eq!(answer.expect(status)["error"], error, "{form:?}");
    }
    let stranger = world.test.stranger();
    let request = stranger.request(Method::POST, "/v1/auth/token");
    let json =
        json!({"grant_type": "client_credentials", "client_id": id, "client_secret": secret});
    let answer = stranger.send(request.json(&json)).await;
    assert_eq!(answer.expect(400)["error"], "invalid_request");
}

#[tokio::test]
async fn keys_are_made_within_bounds() {
    let world = World::new().await;
    let path = format!("{}/keys", world.app);
    let later = at("2027-06-01T00:00:00Z");
    let cases = [
        (
            json!({"scopes": ALL, "expires_at": later, "label": ""}),
            "label",
        ),
        (
            json!({"scopes": ALL, "expires_at": later, "label": "x".repeat(101)}),
            "label",
        ),
        (
            json!({"scopes": ALL, "expires_at": later, "label": "a\nb"}),
            "label",
        ),
        (json!({"scopes": [], "expires_at": later}), "scopes"),
        (
            json!({"scopes": ["everything"], "expires_at": later}),
            "scopes[0]",
        ),
        (
            json!({"scopes": ["bookings:read", "bookings:read"], "expires_at": later}),
            "scopes",
        ),
        (json!({"scopes": ALL}), "expires_at"),
        (
            json!({"scopes": ALL, "expires_at": world.test.now()}),
            "expires_at",
        ),
        (
            json!({"scopes": ALL, "expires_at": "2030-01-01T00:00:00Z"}),
            "expires_at",
        ),
        (
            json!({"scopes": ALL, "expires_at": later, "tutor_ids": []}),
            "tutor_ids",
        ),
        (
            json!({"scopes": ALL, "expires_at": later, "tutor_ids": [uuid::Uuid::now_v7()]}),
            "tutor_ids",
        ),
        (
            json!({"scopes": ALL, "expires_at": later, "subjects": ["alchemy"]}),
            "subjects",
        ),
    ];
    for (new, field) in cases {
        let refused = world.admin.post(&path, &new).await;
        let refused = refused.expect_problem(422, "invalid_fields");
        assert_eq!(refused["errors"][0]["field"], field, "{new}");
    }
    for _ in 0..20 {
        world.make_key(&json!({"scopes": ALL})).await;
    }
    let one_more = json!({"scopes": ALL, "expires_at": later});
    world
        .admin
        .post(&path, &one_more)
        .await
        .expect_problem(409, "too_many_keys");
    let nowhere = format!("/v1/third-party-apps/{}/keys", uuid::Uuid::now_v7());
    world
        .admin
        .post(&nowhere, &one_more)
        .await
        .expect_problem(404, "not_found");
    world
        .admin
        .get(&nowhere)
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn each_key_has_budgets_of_its_own() {
    let world = World::new().await;
    let one = world.key(&json!({"scopes": ALL})).await;
    let two = world.key(&json!({"scopes": ALL})).await;
    let remaining = async |person: &Person| {
        let answer = person.get("/v1/tutors").await;
        let limit = answer.headers["ratelimit"].to_str().unwrap().to_owned();
        let own = limit.strip_prefix("\"read\";r=").unwrap();
        own.split(';').next().unwrap().parse::<u32>().unwrap()
    };
    let first = remaining(&one).await;
    assert_eq!(remaining(&one).await, first - 1);
    assert_eq!(remaining(&two).await, first);
}
