//! Credit: granted, used, given back, expired and withdrawn, and never less than none.

use crate::{
    cancellation::{replace, usual},
    support::{
        Answer, Centre, Person, TestApp, TutorAtCentre, at,
        lesson::{FIRST, FOURTH, SECOND, THIRD},
    },
};
use chrono::TimeDelta;
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};

struct World {
    test: TestApp,
    centre: Centre,
    tutor: TutorAtCentre,
    sam: Person,
    admin: Person,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        Self {
            tutor: centre.tutor(&test, "Tina").await,
            sam: test.student("Sam").await,
            admin: test.admin("Ada").await,
            centre,
            test,
        }
    }

    /// With a tutor who wants to be asked, and has an hour for an answer.
    async fn asking() -> Self {
        let world = Self::new().await;
        let policy = json!({"requires_approval": true, "approval_minutes": 60});
        let replaced = world.tutor.edit(Method::PUT, "/policy", &policy).await;
        replaced.expect(200);
        world
    }

    async fn change(&self, kind: &str, minutes: i64, expires_at: Option<&str>) -> Answer {
        let mut change = json!({
            "student_id": self.sam.id().await, "subject": "mathematics", "kind": kind, "minutes": minutes,
            "reason": "The tutor was ill.",
        });
        if let Some(at) = expires_at {
            change["expires_at"] = json!(at);
        }
        self.admin.post("/v1/credits", &change).await
    }

    async fn grant(&self, minutes: i64, expires_at: Option<&str>) {
        self.change("grant", minutes, expires_at).await.expect(200);
    }

    async fn pay(&self, start: &str, minutes: i64) -> Answer {
        pay(&self.sam, &self.tutor, start, minutes).await
    }

    /// Books with credit; where the booking is.
    async fn paid(&self, start: &str, minutes: i64) -> String {
        let booked = self.pay(start, minutes).await.expect(201);
        assert_eq!(booked["paid_with"], "credit");
        format!("/v1/bookings/{}", booked["id"].as_str().unwrap())
    }

    /// What Sam has of mathematics.
    async fn minutes(&self) -> i64 {
        let credits = self.sam.get("/v1/credits").await.expect(200);
        credits["items"][0]["minutes"].as_i64().unwrap_or_default()
    }

    async fn lots(&self) -> Value {
        let credits = self.sam.get("/v1/credits").await.expect(200);
        credits["items"][0]["lots"].clone()
    }

    async fn bookings(&self) -> i64 {
        self.test
            .count("SELECT count(*) FROM bookings WHERE occupies")
            .await
    }

    /// The ledger by itself says what the balances say, and nothing is above what was issued.
    async fn expect_balanced(&self) {
        let differing = "SELECT count(*) FROM credit_lots WHERE remaining_minutes <> (
            SELECT coalesce(sum(CASE WHEN to_account = 'student' THEN minutes ELSE -minutes END), 0)
            FROM credit_entries WHERE lot_id = credit_lots.id)";
        assert_eq!(self.test.count(differing).await, 0);
        let all_accounts = "SELECT coalesce(sum(amount), 0)::bigint FROM (
            SELECT to_account AS account, minutes AS amount FROM credit_entries
            UNION ALL SELECT from_account, -minutes FROM credit_entries) AS moved";
        assert_eq!(self.test.count(all_accounts).await, 0);
        let overpaid = "SELECT count(*) FROM bookings WHERE paid_credit_minutes <> (
            SELECT coalesce(sum(minutes), 0) FROM credit_entries WHERE booking_id = bookings.id AND to_account = 'used')";
        assert_eq!(self.test.count(overpaid).await, 0);
    }
}

async fn pay(student: &Person, tutor: &TutorAtCentre, start: &str, minutes: i64) -> Answer {
    let mut lesson = tutor.lesson(start, minutes);
    lesson["pay_with"] = json!("credit");
    student.post("/v1/bookings", &lesson).await
}

async fn cancel(person: &Person, booking: &str) -> Value {
    let path = format!("{booking}/cancel");
    person.post(&path, &json!({})).await.expect(200)["cancellation"].clone()
}

#[tokio::test]
async fn credit_is_granted_used_with_any_tutor_of_the_subject_and_withdrawn() {
    let world = World::new().await;
    assert_eq!(
        world.sam.get("/v1/credits").await.expect(200),
        json!({"items": []})
    );
    world.grant(150, None).await;
    let credits = world.sam.get("/v1/credits").await.expect(200);
    assert_eq!(
        credits["items"],
        json!([{"subject": {"slug": "mathematics", "name": "Mathematics"}, "minutes": 150,
            "lots": [{"minutes": 150, "expires_at": "2027-08-28T07:00:00Z"}]}])
    );
    world.paid(FIRST, 60).await;
    let theo = world.centre.tutor(&world.test, "Theo").await;
    pay(&world.sam, &theo, SECOND, 60).await.expect(201);
    assert_eq!(world.minutes().await, 30);
    // There is not enough left, and nothing is changed.
    world
        .pay(THIRD, 60)
        .await
        .expect_problem(409, "insufficient_credit");
    assert_eq!((world.minutes().await, world.bookings().await), (30, 2));
    let refused = world.change("withdraw", 31, None).await;
    refused.expect_problem(409, "insufficient_credit");
    let left = world.change("withdraw", 30, None).await.expect(200);
    assert_eq!(left, json!({"items": []}));
    let entries = world.sam.pages_of_one("/v1/credits/entries").await;
    let moves: Vec<_> = entries
        .iter()
        .map(|entry| {
            let text = |field: &str| entry[field].as_str().unwrap().to_owned();
            (text("from"), text("to"), entry["minutes"].as_i64().unwrap())
        })
        .collect();
    let transfer = |from: &str, to: &str, minutes| (from.to_owned(), to.to_owned(), minutes);
    assert_eq!(
        moves,
        [
            transfer("student", "withdrawn", 30),
            transfer("student", "used", 60),
            transfer("student", "used", 60),
            transfer("issued", "student", 150),
        ]
    );
    assert_eq!(entries[3]["reason"], "The tutor was ill.");
    world.expect_balanced().await;
}

#[tokio::test]
async fn credit_is_of_one_subject() {
    let world = World::new().await;
    let grant = json!({"student_id": world.sam.id().await, "subject": "physics", "kind": "grant", "minutes": 60, "reason": "x"});
    world.admin.post("/v1/credits", &grant).await.expect(200);
    world
        .pay(FIRST, 60)
        .await
        .expect_problem(409, "insufficient_credit");
    // A subject of which students have credit stays.
    let etag = world.admin.get("/v1/subjects/physics").await.etag();
    let delete = world.admin.request(Method::DELETE, "/v1/subjects/physics");
    let delete = world.admin.send(delete.header("if-match", etag)).await;
    delete.expect_problem(409, "in_use");
}

#[tokio::test]
async fn what_expires_first_is_used_first_and_what_has_expired_is_not() {
    let world = World::new().await;
    world.grant(60, Some("2027-03-20T00:00:00Z")).await;
    world.grant(60, Some("2027-03-01T09:00:00Z")).await;
    world.grant(30, Some("2027-03-10T00:00:00Z")).await;
    world.paid(FIRST, 90).await;
    assert_eq!(
        world.lots().await,
        json!([{"minutes": 60, "expires_at": "2027-03-20T00:00:00Z"}])
    );
    world.grant(60, Some("2027-03-01T09:00:00Z")).await;
    world
        .test
        .set_clock(at("2027-03-01T09:00:00Z") - TimeDelta::seconds(1));
    assert_eq!(world.minutes().await, 120);
    // At that moment, with no sweeper about.
    world.test.pass(TimeDelta::seconds(1));
    assert_eq!(world.minutes().await, 60);
    world
        .pay(THIRD, 90)
        .await
        .expect_problem(409, "insufficient_credit");
    world
        .change("withdraw", 61, None)
        .await
        .expect_problem(409, "insufficient_credit");
    while api::service::credit::expire(&world.test.app).await.unwrap() {}
    let entries = world.sam.get("/v1/credits/entries").await.expect(200);
    assert_eq!(
        (&entries["items"][0]["to"], &entries["items"][0]["minutes"]),
        (&json!("expired"), &json!(60))
    );
    assert_eq!(world.minutes().await, 60);
    let past = world
        .change("grant", 60, Some("2027-03-01T09:00:00Z"))
        .await;
    let problem = past.expect_problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["code"], "not_ahead");
    world.expect_balanced().await;
}

#[tokio::test]
async fn a_student_gets_credit_back_as_the_policy_says() {
    let world = World::new().await;
    replace(&world.admin, "", usual()).await.expect(200);
    world.grant(60, Some("2027-04-01T00:00:00Z")).await;
    let before = world.lots().await;
    for (start, now, consequence, back) in [
        (FIRST, "2027-03-01T07:00:00Z", "free", 60),
        ("2027-03-09T08:00:00Z", "2027-03-08T20:00:00Z", "credit", 60),
        ("2027-03-16T08:00:00Z", "2027-03-16T07:00:00Z", "charged", 0),
    ] {
        let booking = world.paid(start, 60).await;
        assert_eq!(world.minutes().await, 0);
        world.test.set_clock(at(now));
        let expected =
            json!({"consequence": consequence, "credit_minutes": back, "charged_minutes": 0});
        let quote = world
            .sam
            .get(&format!("{booking}/cancellation-quote"))
            .await;
        assert_eq!(quote.expect(200)["now"], expected);
        assert_eq!(cancel(&world.sam, &booking).await, expected);
        assert_eq!(world.minutes().await, back);
        if back > 0 {
            assert_eq!(world.lots().await, before, "{consequence}");
        }
    }
    world.expect_balanced().await;
}

#[tokio::test]
async fn what_expired_meanwhile_does_not_come_back_to_a_student_who_cancels() {
    let world = World::new().await;
    world.grant(60, Some("2027-03-01T09:00:00Z")).await;
    let booking = world.paid(FIRST, 60).await;
    world.test.set_clock(at("2027-03-01T10:00:00Z"));
    let nothing = json!({"consequence": "free", "credit_minutes": 0, "charged_minutes": 0});
    assert_eq!(cancel(&world.sam, &booking).await, nothing);
    assert_eq!(world.minutes().await, 0);
    world.expect_balanced().await;
}

#[tokio::test]
async fn who_can_do_nothing_for_it_gets_credit_back_that_is_good_for_two_weeks_at_least() {
    let world = World::asking().await;
    let path = |booking: &str, step: &str| format!("{booking}/{step}");
    for step in ["cancel", "decline", "expire"] {
        world.grant(60, Some("2027-03-02T00:00:00Z")).await;
        let booking = world.paid(FIRST, 60).await;
        assert_eq!(world.minutes().await, 0, "{step}");
        match step {
            "expire" => {
                world.test.pass(TimeDelta::hours(1));
                while api::service::booking::settle(&world.test.app)
                    .await
                    .unwrap()
                {}
                let expired = world.sam.get(&booking).await.expect(200);
                assert_eq!(expired["status"], "expired");
            }
            "decline" => {
                let declined = world
                    .tutor
                    .person
                    .post(&path(&booking, step), &json!({}))
                    .await;
                let expected =
                    json!({"consequence": "free", "credit_minutes": 60, "charged_minutes": 0});
                assert_eq!(declined.expect(200)["cancellation"], expected);
            }
            _ => {
                let approve = path(&booking, "approve");
                world
                    .tutor
                    .person
                    .edit(Method::POST, &approve, "*", &json!({}))
                    .await
                    .expect(200);
                let expected =
                    json!({"consequence": "free", "credit_minutes": 60, "charged_minutes": 0});
                assert_eq!(cancel(&world.tutor.person, &booking).await, expected);
            }
        }
        let good_until = world.test.now() + TimeDelta::days(14);
        assert_eq!(
            world.lots().await,
            json!([{"minutes": 60, "expires_at": good_until}]),
            "{step}"
        );
        world.change("withdraw", 60, None).await.expect(200);
    }
    world.expect_balanced().await;
}

#[tokio::test]
async fn what_is_held_is_paid_for_when_it_is_booked() {
    let world = World::new().await;
    let hold = world
        .sam
        .post("/v1/holds", &world.tutor.lesson(FIRST, 60))
        .await
        .expect(201);
    let book = format!("/v1/holds/{}/book", hold["id"].as_str().unwrap());
    let with_credit = json!({"pay_with": "credit"});
    let send = || world.sam.post(&book, &with_credit);
    send().await.expect_problem(409, "insufficient_credit");
    world.grant(60, None).await;
    assert_eq!(send().await.expect(201)["paid_with"], "credit");
    assert_eq!(world.minutes().await, 0);
    let mut paid_hold = world.tutor.lesson(SECOND, 60);
    paid_hold["pay_with"] = json!("credit");
    let refused = world.sam.post("/v1/holds", &paid_hold).await;
    refused.expect_problem(422, "invalid_fields");
}

#[tokio::test]
async fn what_credit_paid_for_stays_as_long_as_it_is() {
    let world = World::new().await;
    world.grant(120, None).await;
    let booking = world.paid(FIRST, 60).await;
    let path = format!("{booking}/reschedule");
    let to = |minutes| json!({"start": THIRD, "end": at(THIRD) + TimeDelta::minutes(minutes)});
    let longer = world.sam.post(&path, &to(90)).await;
    longer.expect_problem(409, "paid_with_credit");
    let moved = world.sam.post(&path, &to(60)).await.expect(200);
    assert_eq!(moved["paid_with"], "credit");
    assert_eq!(world.minutes().await, 60);
}

#[tokio::test]
async fn a_grant_that_is_repeated_with_its_key_is_made_once() {
    let world = World::new().await;
    let grant = json!({"student_id": world.sam.id().await, "subject": "mathematics", "kind": "grant", "minutes": 60, "reason": "x"});
    for _ in 0..2 {
        let request = world
            .admin
            .request(Method::POST, "/v1/credits")
            .json(&grant);
        world
            .admin
            .send(request.header("idempotency-key", "one"))
            .await
            .expect(200);
    }
    assert_eq!(world.minutes().await, 60);
}

#[tokio::test]
async fn credit_is_seen_by_its_student_their_guardians_and_the_centre() {
    let world = World::new().await;
    world.grant(60, None).await;
    let sam = world.sam.id().await;
    let gita = world.test.student("Gita").await.id().await;
    let link = json!({"guardian_id": gita, "student_id": sam});
    world
        .admin
        .post("/v1/guardianships", &link)
        .await
        .expect(201);
    let gita = world.test.sign_in("gita@example.com").await;
    for below in ["", "/entries"] {
        let path = format!("/v1/credits{below}?student_id={sam}");
        for person in [&gita, &world.admin, &world.sam] {
            let seen = person.get(&path).await.expect(200);
            assert_eq!(seen["items"][0]["minutes"], 60);
        }
        for person in [&world.tutor.person, &world.test.student("Olga").await] {
            person.get(&path).await.expect_problem(404, "not_found");
        }
    }
    let mut lesson = world.tutor.lesson(FIRST, 60);
    lesson["student_id"] = json!(sam);
    lesson["pay_with"] = json!("credit");
    gita.post("/v1/bookings", &lesson).await.expect(201);
    assert_eq!(world.minutes().await, 0);
    let change = json!({"student_id": sam, "subject": "mathematics", "kind": "grant", "minutes": 60, "reason": "x"});
    for person in [&gita, &world.tutor.person, &world.sam] {
        let refused = person.post("/v1/credits", &change).await;
        refused.expect_problem(403, "not_an_admin");
    }
}

#[tokio::test]
async fn the_database_refuses_to_rewrite_the_ledger_and_balances_without_entries() {
    let world = World::new().await;
    world.grant(60, None).await;
    for (sql, refusal) in [
        ("UPDATE credit_entries SET minutes = 90", "append-only"),
        ("UPDATE credit_entries SET reason = 'another'", "append-only"),
        ("DELETE FROM credit_entries", "append-only"),
        ("TRUNCATE credit_entries", "append-only"),
        ("UPDATE credit_lots SET remaining_minutes = 90", "by entries only"),
        ("UPDATE credit_lots SET expires_at = now()", "by entries only"),
        ("DELETE FROM credit_lots", "by entries only"),
        ("TRUNCATE credit_lots CASCADE", "only"),
        ("INSERT INTO credit_lots (student_id, subject_id, remaining_minutes, expires_at, created_at)
          SELECT student_id, subject_id, 60, expires_at, created_at FROM credit_lots", "by entries only"),
        ("INSERT INTO credit_entries (lot_id, student_id, subject_id, from_account, to_account, minutes, created_at)
          SELECT id, student_id, subject_id, 'student', 'withdrawn', 61, now() FROM credit_lots", "never_below_zero"),
        ("INSERT INTO credit_entries (lot_id, student_id, subject_id, from_account, to_account, minutes, created_at)
          SELECT id, student_id, subject_id, 'expired', 'student', 61, now() FROM credit_lots", "accounts_known"),
        ("INSERT INTO credit_entries (lot_id, student_id, subject_id, from_account, to_account, minutes, created_at)
          SELECT id, student_id, subject_id, 'student', 'used', 6, now() FROM credit_lots", "use_is_for_booking"),
    ] {
        use sea_orm::ConnectionTrait;
        let refused = world.test.app.db.execute_unprepared(sql).await.unwrap_err();
        assert!(refused.to_string().contains(refusal), "{sql}: {refused}");
    }
    assert_eq!(world.minutes().await, 60);
}

#[tokio::test]
async fn whatever_happens_the_ledger_adds_up() {
    let world = World::new().await;
    replace(&world.admin, "", usual()).await.expect(200);
    let mut rng = StdRng::seed_from_u64(7);
    let starts = [FIRST, SECOND, THIRD, FOURTH];
    let mut expected = 0;
    let mut booked: Vec<String> = Vec::new();
    for _ in 0..60 {
        match rng.random_range(0..5) {
            0 => {
                let minutes = rng.random_range(1..100);
                world.grant(minutes, None).await;
                expected += minutes;
            }
            1 => {
                let minutes = rng.random_range(1..100);
                if world.change("withdraw", minutes, None).await.status == 200 {
                    expected -= minutes;
                }
            }
            2 | 3 => {
                let start = starts[rng.random_range(0..starts.len())];
                let answer = world.pay(start, 60).await;
                if answer.status == 201 {
                    booked.push(format!(
                        "/v1/bookings/{}",
                        answer.body["id"].as_str().unwrap()
                    ));
                    expected -= 60;
                }
            }
            _ => {
                if let Some(booking) = booked.pop() {
                    let by = [&world.sam, &world.tutor.person, &world.admin];
                    let outcome = cancel(by[rng.random_range(0..by.len())], &booking).await;
                    expected += outcome["credit_minutes"].as_i64().unwrap();
                }
            }
        }
        world.test.pass(TimeDelta::minutes(10));
        assert_eq!(world.minutes().await, expected);
        world.expect_balanced().await;
    }
}

#[tokio::test]
async fn of_who_is_erased_the_ledger_keeps_the_numbers_and_no_word() {
    let world = World::new().await;
    world.grant(120, None).await;
    world.paid(FIRST, 60).await;
    let quota = json!({"student_id": world.sam.id().await, "weekly_minutes": 600});
    let limited = world
        .admin
        .edit(Method::PUT, "/v1/quota", "\"1\"", &quota)
        .await;
    limited.expect(200);
    let etag = world.sam.get("/v1/me").await.etag();
    let erase = world.sam.request(Method::DELETE, "/v1/me");
    world
        .sam
        .send(erase.header("if-match", etag))
        .await
        .expect(204);
    let count = async |sql: &str| world.test.count(sql).await;
    // What paid for a lesson that nobody has is not used: it came back, and will expire.
    assert_eq!(count("SELECT count(*) FROM credit_entries").await, 3);
    let left = "SELECT sum(remaining_minutes)::bigint FROM credit_lots";
    assert_eq!(count(left).await, 120);
    assert_eq!(
        count("SELECT count(*) FROM credit_entries WHERE reason IS NOT NULL").await,
        0
    );
    assert_eq!(count("SELECT count(*) FROM student_quotas").await, 0);
    let told = "SELECT count(*) FROM audit_entries WHERE (before || after)::text LIKE '%was ill%' OR after::text LIKE '%was ill%'";
    assert_eq!(count(told).await, 0);
    world.expect_balanced().await;
}

#[tokio::test]
async fn a_seat_in_a_group_lesson_is_paid_with_credit_and_whoever_calls_it_off_gives_it_back() {
    let world = World::new().await;
    let tutor = &world.tutor.person;
    let open = async |start: &str| {
        let mut group = world.tutor.lesson(start, 60);
        group["capacity"] = json!(4);
        let opened = tutor.post("/v1/lessons", &group).await.expect(201);
        format!("/v1/lessons/{}", opened["id"].as_str().unwrap())
    };
    let first = open(FIRST).await;
    let join = async |lesson: &str| {
        let paid = json!({"pay_with": "credit"});
        world.sam.post(&format!("{lesson}/join"), &paid).await
    };
    let poor = join(&first).await;
    poor.expect_problem(409, "insufficient_credit");
    assert_eq!(world.bookings().await, 0);
    world.grant(60, None).await;
    let joined = join(&first).await.expect(201);
    assert_eq!(joined["paid_with"], "credit");
    assert_eq!(world.minutes().await, 0);
    // Who leaves in time gets it back, and so do all when the tutor can't.
    let seat = format!("/v1/bookings/{}", joined["id"].as_str().unwrap());
    let back = json!({"consequence": "free", "credit_minutes": 60, "charged_minutes": 0});
    assert_eq!(cancel(&world.sam, &seat).await, back);
    assert_eq!(world.minutes().await, 60);
    let seat = join(&first).await.expect(201)["id"].clone();
    let longer = json!({"start": SECOND, "end": at(SECOND) + TimeDelta::minutes(90)});
    let path = format!("{first}/reschedule");
    let refused = tutor.post(&path, &longer).await;
    refused.expect_problem(409, "paid_with_credit");
    let same = json!({"start": SECOND, "end": at(SECOND) + TimeDelta::minutes(60)});
    tutor.post(&path, &same).await.expect(200);
    let path = format!("{first}/cancel");
    tutor.post(&path, &json!({})).await.expect(200);
    let seat = format!("/v1/bookings/{}", seat.as_str().unwrap());
    let told = world.sam.get(&seat).await.expect(200);
    assert_eq!(told["cancellation"], back);
    assert_eq!(world.minutes().await, 60);
    // Nor does it cost anything that too few came.
    let mut few = world.tutor.lesson(FOURTH, 60);
    few["capacity"] = json!(4);
    few["minimum_students"] = json!(2);
    few["decides_at"] = json!(THIRD);
    let few = tutor.post("/v1/lessons", &few).await.expect(201);
    let few = format!("/v1/lessons/{}", few["id"].as_str().unwrap());
    join(&few).await.expect(201);
    assert_eq!(world.minutes().await, 0);
    world.test.set_clock(at(THIRD));
    while api::service::booking::settle(&world.test.app)
        .await
        .unwrap()
    {}
    assert_eq!(world.minutes().await, 60);
    world.expect_balanced().await;
}

#[tokio::test]
async fn credit_that_comes_back_waits_for_who_takes_some_and_nobody_for_each_other() {
    let world = World::asking().await;
    // The lot that expires first is used, and comes back, last.
    world.grant(60, Some("2027-06-01T00:00:00Z")).await;
    world.paid(FIRST, 60).await;
    world.grant(60, Some("2027-05-01T00:00:00Z")).await;
    world.test.pass(TimeDelta::minutes(1));
    world.paid(SECOND, 60).await;
    world.test.pass(TimeDelta::hours(2));
    let mut taker = world.test.own_connection().await;
    let run = async |connection: &mut sqlx::PgConnection, sql: &'static str| {
        sqlx::query(sql).execute(connection).await.map(|_| ())
    };
    // As whoever takes credit does: what expires first, first.
    run(&mut taker, "BEGIN").await.unwrap();
    let first = "SELECT FROM credit_lots WHERE expires_at = '2027-05-01T00:00:00Z' FOR UPDATE";
    run(&mut taker, first).await.unwrap();
    let giving = api::service::booking::settle(&world.test.app);
    let taking = async {
        world.test.until_waiting_for_a_lock(1).await;
        let second = "SELECT FROM credit_lots WHERE expires_at = '2027-06-01T00:00:00Z' FOR UPDATE";
        let locked = run(&mut taker, second).await;
        run(&mut taker, "COMMIT").await.unwrap();
        locked.unwrap();
    };
    let (given, ()) = tokio::join!(giving, taking);
    given.unwrap();
    assert_eq!(world.minutes().await, 120);
    world.expect_balanced().await;
    drop(taker);
    assert_eq!(world.test.deadlocks().await, 0, "deadlocks");
}

/// Only who is in it keeps a lesson that credit paid for as long as it is.
#[tokio::test]
async fn a_group_lesson_that_nobody_pays_for_with_credit_any_more_gets_longer() {
    let world = World::new().await;
    let tutor = &world.tutor.person;
    let mut group = world.tutor.lesson(FIRST, 60);
    group["capacity"] = json!(4);
    let opened = tutor.post("/v1/lessons", &group).await.expect(201);
    let lesson = format!("/v1/lessons/{}", opened["id"].as_str().unwrap());
    world.grant(60, None).await;
    let paid = json!({"pay_with": "credit"});
    let joined = world.sam.post(&format!("{lesson}/join"), &paid).await;
    let seat = format!(
        "/v1/bookings/{}",
        joined.expect(201)["id"].as_str().unwrap()
    );
    let longer = json!({"start": SECOND, "end": at(SECOND) + TimeDelta::minutes(90)});
    let path = format!("{lesson}/reschedule");
    let refused = tutor.post(&path, &longer).await;
    refused.expect_problem(409, "paid_with_credit");
    cancel(&world.sam, &seat).await;
    tutor.post(&path, &longer).await.expect(200);
}
