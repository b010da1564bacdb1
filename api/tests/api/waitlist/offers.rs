//! Seats that are offered in turn.

use super::*;
use crate::support::lesson::{THIRD, book};
use scheduling::waitlist::{After, Ending, after};

#[tokio::test]
async fn free_seats_are_offered_in_the_order_of_joining_and_to_nobody_else() {
    let world = World::new().await;
    let (mia, nora, pia) = (&world.mia, &world.nora, &world.pia);
    let entries = [
        world.wait(mia).await,
        world.wait(nora).await,
        world.wait(pia).await,
    ];
    let none = accept(mia, &entries[0]).await;
    none.expect_problem(409, "no_offer");
    world.free_seat(0).await;
    world.free_seat(1).await;
    // Between the freeing and the offers, nobody is faster; nor by leaving the order.
    let ruth = world.test.student("Ruth").await;
    for student in [&ruth, pia] {
        let hurried = try_join(student, &world.lesson).await;
        hurried.expect_problem(409, "waitlist_ahead");
    }
    world.test.run_jobs().await;
    assert_eq!(world.seats().await, (json!(2), json!(1)));
    assert_eq!(standing(pia, &entries[2]).await, waits(1));
    try_join(&ruth, &world.lesson)
        .await
        .expect_problem(409, "full");
    let stolen = accept(nora, &entries[0]).await;
    stolen.expect_problem(404, "not_found");
    let offer = seen(mia, &entries[0]).await["offer"].clone();
    assert_eq!(offer["start"], FIRST);
    assert_eq!(offer["expires_at"], "2027-03-01T09:00:00Z");
    let booked = accept(mia, &entries[0]).await;
    let booking = place(&booked);
    assert_eq!(
        booking,
        format!("/v1/bookings/{}", offer["hold_id"].as_str().unwrap())
    );
    assert_eq!(mia.get(&booking).await.expect(200)["status"], "confirmed");
    let entry = seen(mia, &entries[0]).await;
    assert_eq!(
        (&entry["status"], &entry["booking_id"]),
        (&json!("accepted"), &offer["hold_id"])
    );
    accept(mia, &entries[0])
        .await
        .expect_problem(409, "already_accepted");
    decline(mia, &entries[0])
        .await
        .expect_problem(409, "already_accepted");
    mia.delete(&entries[0])
        .await
        .expect_problem(409, "already_accepted");
    assert_eq!(standing(nora, &entries[1]).await, is("offered"));
    world.test.expect_nobody_double_booked().await;
}

#[tokio::test]
async fn an_offer_that_lapses_goes_to_the_next() {
    let world = World::new().await;
    let of_mia = world.wait(&world.mia).await;
    let of_nora = world.wait(&world.nora).await;
    world.free_seat(0).await;
    world.test.run_jobs().await;
    world.test.pass(TimeDelta::minutes(120));
    // Nobody has written it down yet.
    assert_eq!(standing(&world.mia, &of_mia).await.0, "waiting");
    accept(&world.mia, &of_mia)
        .await
        .expect_problem(409, "no_offer");
    world.pass(TimeDelta::zero()).await;
    assert_eq!(standing(&world.nora, &of_nora).await, is("offered"));
    assert_eq!(standing(&world.mia, &of_mia).await, waits(1));
    place(&accept(&world.nora, &of_nora).await);
}

#[tokio::test]
async fn who_declines_or_leaves_makes_way_for_the_next() {
    let world = World::new().await;
    let (mia, nora, pia) = (&world.mia, &world.nora, &world.pia);
    let entries = [
        world.wait(mia).await,
        world.wait(nora).await,
        world.wait(pia).await,
    ];
    world.free_seat(0).await;
    world.test.run_jobs().await;
    let declined = decline(mia, &entries[0]).await.expect(200);
    assert_eq!(
        (&declined["status"], &declined["position"]),
        (&json!("waiting"), &json!(3))
    );
    decline(mia, &entries[0])
        .await
        .expect_problem(409, "no_offer");
    world.test.run_jobs().await;
    assert_eq!(standing(nora, &entries[1]).await, is("offered"));
    nora.delete(&entries[1]).await.expect(204);
    assert_eq!(standing(nora, &entries[1]).await, is("left"));
    accept(nora, &entries[1])
        .await
        .expect_problem(409, "already_ended");
    world.test.run_jobs().await;
    assert_eq!(standing(pia, &entries[2]).await, is("offered"));
    assert_eq!(standing(mia, &entries[0]).await, waits(1));
}

#[tokio::test]
async fn who_is_denied_an_offer_keeps_the_place_and_others_are_asked_before() {
    let world = World::new().await;
    let of_mia = world.wait(&world.mia).await;
    let of_nora = world.wait(&world.nora).await;
    world.free_seat(0).await;
    world.test.run_jobs().await;
    let admin = world.test.admin("Ada").await;
    decline(&admin, &of_mia).await.expect(200);
    assert_eq!(after(0, Ending::Refused), After::KeepsPlace);
    assert_eq!(standing(&world.mia, &of_mia).await, waits(1));
    let turned_down = "SELECT sum(turned_down) FROM waitlist_entries";
    assert_eq!(world.test.count(turned_down).await, 0);
    world.test.run_jobs().await;
    assert_eq!(standing(&world.nora, &of_nora).await, is("offered"));
    world.free_seat(1).await;
    world.test.run_jobs().await;
    assert_eq!(standing(&world.mia, &of_mia).await, waits(1));
    world.pass(TimeDelta::hours(1)).await;
    assert_eq!(standing(&world.mia, &of_mia).await, is("offered"));
}

#[tokio::test]
async fn leaving_and_coming_back_makes_nothing_forgotten_for_a_day() {
    let world = World::new().await;
    let mia = &world.mia;
    let entry = world.wait(mia).await;
    world.free_seat(0).await;
    world.test.run_jobs().await;
    mia.delete(&entry).await.expect(204);
    let again = world.wait(mia).await;
    let turned_down = "SELECT turned_down::bigint FROM waitlist_entries WHERE status = 'waiting'";
    assert_eq!(world.test.count(turned_down).await, 1);
    // Nor does it make an end of the rest.
    world.test.run_jobs().await;
    assert_eq!(standing(mia, &again).await, waits(1));
    mia.delete(&again).await.expect(204);
    let other = open(&world.tutor, SECOND, 2).await;
    place(&mia.post(WAITLIST, &for_seat(&other)).await);
    assert_eq!(world.test.count(turned_down).await, 0);
}

#[tokio::test]
async fn nobody_has_more_than_three_offers_to_answer() {
    let world = World::new().await;
    let most = usize::try_from(api::service::waitlist::MOST_OFFERS).unwrap();
    let mut entries = Vec::new();
    for hour in 0..4 {
        let start = at(SECOND) + TimeDelta::days(1) + TimeDelta::hours(hour);
        let lesson = open(&world.tutor, &start.to_rfc3339(), 2).await;
        entries.push(place(&world.mia.post(WAITLIST, &for_seat(&lesson)).await));
    }
    settle(&world.test).await;
    let mut offered = Vec::new();
    for entry in &entries {
        if standing(&world.mia, entry).await == is("offered") {
            offered.push(entry);
        }
    }
    assert_eq!(offered.len(), most);
    accept(&world.mia, offered[0]).await.expect(201);
    settle(&world.test).await;
    for entry in &entries {
        assert_ne!(standing(&world.mia, entry).await.0, "waiting");
    }
}

/// What the trigger writes is what the rules say.
#[tokio::test]
async fn what_becomes_of_somebody_whose_offer_ends_is_what_the_rules_say() {
    for ending in [Ending::Declined, Ending::Lapsed] {
        let world = World::new().await;
        let entry = world.wait(&world.mia).await;
        world.free_seat(0).await;
        world.test.run_jobs().await;
        for before in 0.. {
            assert_eq!(standing(&world.mia, &entry).await, is("offered"));
            match ending {
                Ending::Declined => drop(decline(&world.mia, &entry).await.expect(200)),
                _ => world.pass(TimeDelta::minutes(120)).await,
            }
            // Not offered again at once: others may have the seat.
            world.test.run_jobs().await;
            match after(before, ending) {
                After::WaitsBehindAll => {
                    assert_eq!(standing(&world.mia, &entry).await, waits(1));
                    world.pass(TimeDelta::minutes(120)).await;
                }
                _ => break,
            }
        }
        assert_eq!(standing(&world.mia, &entry).await, is("lapsed"));
        let turned_down = "SELECT turned_down::bigint FROM waitlist_entries";
        let most = i64::from(scheduling::waitlist::MOST_TURNED_DOWN);
        assert_eq!(world.test.count(turned_down).await, most);
        join(&world.nora, &world.lesson).await;
        // Who has given up may begin anew, but not at once as if nothing had been.
        world.wait(&world.mia).await;
        assert_eq!(
            world
                .test
                .count("SELECT min(turned_down)::bigint FROM waitlist_entries")
                .await,
            most
        );
    }
}

#[tokio::test]
async fn an_offer_is_accepted_by_its_token_once_and_without_a_session() {
    let world = World::new().await;
    let of_mia = world.wait(&world.mia).await;
    let of_nora = world.wait(&world.nora).await;
    world.free_seat(0).await;
    world.test.run_jobs().await;
    let token = |seen: Value| seen["offer"]["accept_token"].clone();
    let lapsed = token(seen(&world.mia, &of_mia).await);
    world.pass(TimeDelta::minutes(120)).await;
    let good = token(seen(&world.nora, &of_nora).await);
    // Who only looks on is given nothing by which to act for the student.
    let admin = world.test.admin("Ada").await;
    let offer = admin.get(&of_nora).await.expect(200)["offer"].clone();
    assert_eq!(
        (&offer["start"], &offer["accept_token"]),
        (&json!(FIRST), &Value::Null)
    );
    let stranger = world.test.stranger();
    let path = "/v1/waitlist-offers/accept";
    let try_token = async |token: &Value| stranger.post(path, &json!({"token": token})).await;
    try_token(&lapsed).await.expect_problem(409, "no_offer");
    for nonsense in [
        "x",
        "1.x",
        "é",
        "1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let refused = try_token(&json!(nonsense)).await;
        let refused = refused.expect_problem(422, "invalid_fields");
        assert_eq!(refused["errors"][0]["code"], "invalid_grant");
    }
    // A scanner of mail changes nothing.
    let opened = stranger.get(path).await;
    opened.expect_problem(405, "method_not_allowed");
    let booked = try_token(&good).await;
    let booking = place(&booked);
    assert_eq!(
        world.nora.get(&booking).await.expect(200)["status"],
        "confirmed"
    );
    try_token(&good)
        .await
        .expect_problem(409, "already_accepted");
    accept(&world.nora, &of_nora)
        .await
        .expect_problem(409, "already_accepted");
    let by = "SELECT count(*) FROM audit_entries JOIN users ON users.id = actor_id
              WHERE operation = 'accept_offer' AND users.name = 'Nora'";
    assert!(world.test.count(by).await > 0);
}

#[tokio::test]
async fn who_can_t_come_is_passed_over_and_keeps_the_place() {
    let world = World::new().await;
    let (mia, nora, pia) = (&world.mia, &world.nora, &world.pia);
    let entries = [
        world.wait(mia).await,
        world.wait(nora).await,
        world.wait(pia).await,
    ];
    let theo = Centre.tutor(&world.test, "Theo").await;
    let elsewhere = book(mia, &theo, FIRST).await;
    let admin = world.test.admin("Ada").await;
    let suspend = format!("/v1/users/{}/suspend", nora.id().await);
    admin.post(&suspend, &json!({})).await.expect(200);
    world.free_seat(0).await;
    world.test.run_jobs().await;
    assert_eq!(standing(pia, &entries[2]).await, is("offered"));
    assert_eq!(standing(mia, &entries[0]).await, waits(1));
    world.free_seat(1).await;
    world.test.run_jobs().await;
    // Nobody who waits can take it, so it is anybody's.
    let ruth = world.test.student("Ruth").await;
    let booking = join(&ruth, &world.lesson).await;
    crate::support::lesson::cancel(mia, &elsewhere).await;
    crate::support::lesson::cancel(&ruth, &booking).await;
    world.test.run_jobs().await;
    assert_eq!(standing(mia, &entries[0]).await, is("offered"));
}

#[tokio::test]
async fn who_takes_a_free_seat_waits_no_longer_and_more_seats_are_offered() {
    let world = World::new().await;
    let of_mia = world.wait(&world.mia).await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    let elsewhere = book(&world.mia, &theo, FIRST).await;
    world.free_seat(0).await;
    world.test.run_jobs().await;
    crate::support::lesson::cancel(&world.mia, &elsewhere).await;
    join(&world.mia, &world.lesson).await;
    assert_eq!(standing(&world.mia, &of_mia).await, is("accepted"));
    let of_nora = world.wait(&world.nora).await;
    let etag = world.tutor.person.get(&world.lesson).await.etag();
    let more = json!({"capacity": 3});
    let edited = world
        .tutor
        .person
        .edit(reqwest::Method::PATCH, &world.lesson, &etag, &more);
    edited.await.expect(200);
    world.test.run_jobs().await;
    assert_eq!(standing(&world.nora, &of_nora).await, is("offered"));
    // Leaving it is as good as declining.
    let cancelled = format!("{}/cancel", world.lesson);
    world
        .tutor
        .person
        .post(&cancelled, &json!({}))
        .await
        .expect(200);
    assert_eq!(standing(&world.nora, &of_nora).await, is("over"));
}

/// A lesson for two that takes two: an offer is nobody who comes.
#[tokio::test]
async fn an_offer_saves_no_lesson_that_too_few_are_in() {
    let world = World::new().await;
    let mut wanted = world.tutor.lesson(SECOND, 60);
    wanted["capacity"] = json!(2);
    wanted["minimum_students"] = json!(2);
    wanted["decides_at"] = json!("2027-03-01T08:00:00Z");
    let lesson = place(&world.tutor.person.post("/v1/lessons", &wanted).await);
    join(&world.mia, &lesson).await;
    let entry = place(&world.nora.post(WAITLIST, &for_seat(&lesson)).await);
    world.test.run_jobs().await;
    assert_eq!(standing(&world.nora, &entry).await, is("offered"));
    world.pass(TimeDelta::hours(1)).await;
    let status = world.tutor.person.get(&lesson).await.expect(200)["status"].clone();
    assert_eq!(status, "cancelled");
    assert_eq!(standing(&world.nora, &entry).await, is("over"));
}

/// The work is on the transaction that frees the seat, and stays until it is done.
#[tokio::test]
async fn a_server_that_is_killed_before_it_makes_the_offer_leaves_it_to_the_next() {
    let world = World::new().await;
    let of_mia = world.wait(&world.mia).await;
    world.test.run_jobs().await;
    world.free_seat(0).await;
    // Workers take all jobs, and are no more.
    while api::service::queue::take(&world.test.app)
        .await
        .unwrap()
        .is_some()
    {}
    assert_eq!(world.test.run_jobs().await, 0);
    assert_eq!(standing(&world.mia, &of_mia).await, waits(1));
    let hurried = try_join(&world.nora, &world.lesson).await;
    hurried.expect_problem(409, "waitlist_ahead");
    world.test.pass(TimeDelta::seconds(61));
    world.test.run_jobs().await;
    assert_eq!(standing(&world.mia, &of_mia).await, is("offered"));
}

#[tokio::test]
async fn an_absence_ends_what_is_offered_in_it_and_nobody_elses_lesson() {
    let world = World::new().await;
    world.wait(&world.mia).await;
    world.free_seat(0).await;
    settle(&world.test).await;
    assert_eq!(world.seats().await.0, 2);
    let ill = json!({"first_date": "2027-03-02", "last_date": "2027-03-02", "reason": "illness"});
    let absences = world.tutor.path("/absences");
    place(&world.tutor.person.post(&absences, &ill).await);
    let lesson = world.tutor.person.get(&world.lesson).await.expect(200);
    assert_eq!(lesson["status"], "scheduled");
    let (olga, booking) = &world.seated[1];
    assert_eq!(olga.get(booking).await.expect(200)["status"], "confirmed");
}

#[tokio::test]
async fn a_seat_that_is_offered_is_paid_with_credit_if_there_is_any() {
    let world = World::new().await;
    let (mia, nora) = (&world.mia, &world.nora);
    let entries = [world.wait(mia).await, world.wait(nora).await];
    world.free_seat(0).await;
    world.free_seat(1).await;
    world.test.run_jobs().await;
    let (accept, with_credit) = (
        format!("{}/accept", entries[0]),
        json!({"pay_with": "credit"}),
    );
    let poor = mia.post(&accept, &with_credit).await;
    poor.expect_problem(409, "insufficient_credit");
    // It is offered all the same.
    assert_eq!(standing(mia, &entries[0]).await, is("offered"));
    let admin = world.test.admin("Ada").await;
    for student in [mia, nora] {
        let grant = json!({
            "student_id": student.id().await, "subject": "mathematics", "kind": "grant", "minutes": 60, "reason": "x",
        });
        admin.post("/v1/credits", &grant).await.expect(200);
    }
    let booked = mia.post(&accept, &with_credit).await.expect(201);
    assert_eq!(
        (&booked["status"], &booked["paid_with"]),
        (&json!("confirmed"), &json!("credit"))
    );
    let hold = seen(nora, &entries[1]).await["offer"]["hold_id"].clone();
    let book = format!("/v1/holds/{}/book", hold.as_str().unwrap());
    let booked = nora.post(&book, &with_credit).await.expect(201);
    assert_eq!(booked["paid_with"], "credit");
    for student in [mia, nora] {
        let credits = student.get("/v1/credits").await.expect(200);
        assert_eq!(
            credits["items"][0]["minutes"].as_i64().unwrap_or_default(),
            0
        );
    }
    world.test.expect_ledger_balanced().await;
}

/// Who is only offered a seat has not said yes to any time, nor to there being so many seats.
#[tokio::test]
async fn an_offer_keeps_no_lesson_from_moving_and_is_made_anew() {
    let world = World::new().await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    let (mia, nora) = (&world.mia, &world.nora);
    let (of_mia, of_nora) = (world.wait(mia).await, world.wait(nora).await);
    world.free_seat(0).await;
    world.test.run_jobs().await;
    assert_eq!(standing(mia, &of_mia).await, is("offered"));
    // Mia has something else when the lesson is to be.
    book(mia, &theo, THIRD).await;
    let longer = json!({"start": THIRD, "end": at(THIRD) + TimeDelta::minutes(90)});
    let path = format!("{}/reschedule", world.lesson);
    let tina = &world.tutor.person;
    let moved = tina.post(&path, &longer).await.expect(200);
    assert_eq!(
        (&moved["seats_taken"], &moved["waiting"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(standing(mia, &of_mia).await, waits(1));
    let turned_down = "SELECT sum(turned_down) FROM waitlist_entries";
    assert_eq!(world.test.count(turned_down).await, 0);
    // Who can't come then is passed over, and comes first again at another time.
    world.test.run_jobs().await;
    assert_eq!(standing(nora, &of_nora).await, is("offered"));
    assert_eq!(standing(mia, &of_mia).await, waits(1));
    let back = json!({"start": FIRST, "end": SECOND});
    tina.post(&path, &back).await.expect(200);
    world.test.run_jobs().await;
    let offer = seen(mia, &of_mia).await["offer"].clone();
    assert_eq!(offer["start"], FIRST);
    assert_eq!(standing(nora, &of_nora).await, waits(1));
    world.test.expect_nobody_double_booked().await;
}

#[tokio::test]
async fn an_offer_keeps_no_tutor_from_having_fewer_seats() {
    let world = World::new().await;
    let tina = &world.tutor.person;
    let change = async |seats: i16| {
        let etag = tina.get(&world.lesson).await.etag();
        let seats = json!({"capacity": seats});
        tina.edit(reqwest::Method::PATCH, &world.lesson, &etag, &seats)
            .await
    };
    let entries = [world.wait(&world.mia).await, world.wait(&world.nora).await];
    change(4).await.expect(200);
    world.test.run_jobs().await;
    for (student, entry) in [(&world.mia, &entries[0]), (&world.nora, &entries[1])] {
        assert_eq!(standing(student, entry).await, is("offered"));
    }
    // Who comes first keeps the offer.
    change(3).await.expect(200);
    assert_eq!(standing(&world.mia, &entries[0]).await, is("offered"));
    assert_eq!(standing(&world.nora, &entries[1]).await, waits(1));
    place(&accept(&world.mia, &entries[0]).await);
    change(2).await.expect_problem(409, "seats_taken");
    change(4).await.expect(200);
    world.test.run_jobs().await;
    assert_eq!(standing(&world.nora, &entries[1]).await, is("offered"));
}

async fn suspend(test: &TestApp, admin: &Person, user: &str) {
    let path = format!("/v1/users/{user}/suspend");
    admin.post(&path, &json!({})).await.expect(200);
    test.pass(TimeDelta::minutes(120));
    settle(test).await;
    let path = format!("/v1/users/{user}/reinstate");
    admin.post(&path, &json!({})).await.expect(200);
}

/// Nobody could accept it, so nobody turned it down.
#[tokio::test]
async fn an_offer_that_a_suspension_ends_was_not_turned_down() {
    let world = World::new().await;
    let admin = world.test.admin("Ada").await;
    let of_mia = world.wait(&world.mia).await;
    let of_nora = world.wait(&world.nora).await;
    world.free_seat(0).await;
    world.test.run_jobs().await;
    assert_eq!(standing(&world.mia, &of_mia).await, is("offered"));
    let tina = world.tutor.person.id().await;
    let turned_down = "SELECT sum(turned_down) FROM waitlist_entries";
    suspend(&world.test, &admin, &tina).await;
    assert_eq!(standing(&world.mia, &of_mia).await, waits(1));
    assert_eq!(world.test.count(turned_down).await, 0);
    settle(&world.test).await;
    assert_eq!(standing(&world.mia, &of_mia).await, is("offered"));
    let mia = world.mia.id().await;
    suspend(&world.test, &admin, &mia).await;
    assert_eq!(world.test.count(turned_down).await, 0);
    assert_eq!(standing(&world.nora, &of_nora).await, is("offered"));
    let mia = world.test.sign_in("mia@example.com").await;
    assert_eq!(standing(&mia, &of_mia).await, waits(1));
}

/// Lets nobody book anything for somebody, for a reason that nobody knows.
async fn break_for(test: &TestApp, student: &Person) {
    let id = student.id().await;
    let function = "CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$";
    test.execute(function).await;
    let trigger = format!(
        "CREATE TRIGGER breaks BEFORE INSERT ON bookings FOR EACH ROW WHEN (NEW.student_id = '{id}') EXECUTE FUNCTION break()"
    );
    test.execute(&trigger).await;
}

#[tokio::test]
async fn who_can_t_be_offered_anything_for_a_fault_holds_up_nobody_and_is_tried_again() {
    let world = World::new().await;
    let entries = [world.wait(&world.mia).await, world.wait(&world.nora).await];
    break_for(&world.test, &world.mia).await;
    world.free_seat(0).await;
    world.test.run_jobs().await;
    assert_eq!(standing(&world.nora, &entries[1]).await, is("offered"));
    assert_eq!(standing(&world.mia, &entries[0]).await, waits(1));
    world.free_seat(1).await;
    world.test.execute("DROP TRIGGER breaks ON bookings").await;
    world.pass(TimeDelta::minutes(5)).await;
    assert_eq!(standing(&world.mia, &entries[0]).await, is("offered"));
    let turned_down = "SELECT sum(turned_down) FROM waitlist_entries";
    assert_eq!(world.test.count(turned_down).await, 0);
}

/// More wait than one run deals with, and none of them can come but the last.
#[tokio::test]
async fn a_run_for_seats_ends_and_the_next_one_goes_on() {
    let world = World::new().await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    let mut others = theo.lesson(FIRST, 60);
    others["capacity"] = json!(100);
    let others = place(&theo.person.post("/v1/lessons", &others).await);
    let many = usize::from(api::service::waitlist::MOST_PER_RUN);
    for student in &crate::support::race::students(&world.test, many).await {
        world.wait(student).await;
        join(student, &others).await;
    }
    let of_mia = world.wait(&world.mia).await;
    world.test.run_jobs().await;
    world.free_seat(0).await;
    let id = world.lesson.rsplit('/').next().unwrap().parse().unwrap();
    let lesson = api::service::LessonId(id);
    let first_run = api::service::waitlist::offer_seats(&world.test.app, lesson, None).await;
    assert!(first_run.unwrap().is_some());
    assert_eq!(standing(&world.mia, &of_mia).await.0, "waiting");
    world.test.run_jobs().await;
    assert_eq!(standing(&world.mia, &of_mia).await, is("offered"));
}

/// Nobody has written down yet that the offer is over, and it is told as if somebody had.
#[tokio::test]
async fn a_position_is_told_from_the_moment_on_when_an_offer_lapses() {
    let world = World::new().await;
    let (mia, nora, pia) = (&world.mia, &world.nora, &world.pia);
    let (of_mia, of_nora) = (world.wait(mia).await, world.wait(nora).await);
    world.free_seat(0).await;
    world.test.run_jobs().await;
    let third = world.wait(pia).await;
    assert_eq!(standing(mia, &of_mia).await, is("offered"));
    world.test.pass(TimeDelta::minutes(120));
    let told = [
        standing(nora, &of_nora).await,
        standing(pia, &third).await,
        standing(mia, &of_mia).await,
    ];
    assert_eq!(told, [waits(1), waits(2), waits(3)]);
    // The hours that nobody has slept through change nothing.
    while api::service::booking::settle(&world.test.app)
        .await
        .unwrap()
    {}
    let settled = [
        standing(nora, &of_nora).await,
        standing(pia, &third).await,
        standing(mia, &of_mia).await,
    ];
    assert_eq!(settled, told);
}

/// A request that nobody answered costs no place.
#[tokio::test]
async fn who_was_not_answered_is_told_the_place_that_is_kept() {
    let world = World::new().await;
    let (mia, nora) = (&world.mia, &world.nora);
    let wish = json!({"wish": {
        "subject": "mathematics", "level": "School", "minutes": 60, "tutor_id": world.tutor.id.0,
        "windows": [{"start": SECOND, "end": at(SECOND) + TimeDelta::hours(1)}],
    }});
    let asks = json!({"requires_approval": true});
    let asks = world.tutor.edit(reqwest::Method::PUT, "/policy", &asks);
    asks.await.expect(200);
    let of_mia = place(&mia.post(WAITLIST, &wish).await);
    world.test.run_jobs().await;
    let of_nora = place(&nora.post(WAITLIST, &wish).await);
    place(&accept(mia, &of_mia).await);
    world.test.set_clock(at(SECOND));
    assert_eq!(standing(mia, &of_mia).await, waits(1));
    assert_eq!(standing(nora, &of_nora).await, waits(2));
}

#[tokio::test]
async fn whoever_answers_an_offer_answers_the_one_that_was_seen() {
    let world = World::new().await;
    let (mia, tina) = (&world.mia, &world.tutor.person);
    let entry = world.wait(mia).await;
    world.free_seat(0).await;
    world.test.run_jobs().await;
    let hold = async || seen(mia, &entry).await["offer"]["hold_id"].clone();
    let before = hold().await;
    let path = format!("{}/reschedule", world.lesson);
    let to = json!({"start": SECOND, "end": at(SECOND) + TimeDelta::hours(1)});
    tina.post(&path, &to).await.expect(200);
    world.test.run_jobs().await;
    let after = hold().await;
    assert_ne!(after, before);
    for answer in ["accept", "decline"] {
        let path = format!("{entry}/{answer}");
        let answered = mia.post(&path, &json!({"hold_id": before})).await;
        answered.expect_problem(409, "no_offer");
    }
    assert_eq!(hold().await, after);
    let path = format!("{entry}/accept");
    let booked = mia.post(&path, &json!({"hold_id": after})).await;
    assert_eq!(booked.expect(201)["start"], SECOND);
}

#[tokio::test]
async fn whose_turn_it_is_need_not_wait_for_the_offer() {
    let world = World::new().await;
    let entries = [world.wait(&world.mia).await, world.wait(&world.nora).await];
    world.free_seat(0).await;
    let hurried = try_join(&world.nora, &world.lesson).await;
    hurried.expect_problem(409, "waitlist_ahead");
    join(&world.mia, &world.lesson).await;
    assert_eq!(standing(&world.mia, &entries[0]).await, is("accepted"));
    world.test.run_jobs().await;
    assert_eq!(standing(&world.nora, &entries[1]).await, waits(1));
}
