//! Those who wait for time of a tutor, or of any.

use super::*;
use crate::support::{
    lesson::{FOURTH, THIRD, book, cancel},
    race::{reasons, students},
};

/// An hour of mathematics at school.
fn wish(tutor: Option<&TutorAtCentre>, windows: &[(&str, &str)]) -> Value {
    let windows: Vec<_> = windows
        .iter()
        .map(|(start, end)| json!({"start": start, "end": end}))
        .collect();
    let mut wish =
        json!({"subject": "mathematics", "level": "School", "minutes": 60, "windows": windows});
    if let Some(tutor) = tutor {
        wish["tutor_id"] = json!(tutor.id.0);
    }
    json!({ "wish": wish })
}

/// Sam has Tina's second hour, and Olga and Mia want it.
struct Wishes {
    test: TestApp,
    tutor: TutorAtCentre,
    sam: Person,
    booking: String,
    olga: Person,
    mia: Person,
}

impl Wishes {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let tutor = Centre::open(&test)
            .await
            .connected_tutor(&test, "Tina")
            .await;
        let sam = test.student("Sam").await;
        Self {
            booking: book(&sam, &tutor, SECOND).await,
            sam,
            olga: test.student("Olga").await,
            mia: test.student("Mia").await,
            test,
            tutor,
        }
    }

    async fn wait(&self, student: &Person) -> String {
        let wish = wish(Some(&self.tutor), &[(SECOND, THIRD)]);
        let entry = place(&student.post(WAITLIST, &wish).await);
        self.test.run_jobs().await;
        assert_eq!(standing(student, &entry).await.0, "waiting");
        entry
    }
}

#[tokio::test]
async fn time_that_gets_free_is_offered_to_one_and_kept_from_all_others() {
    let world = Wishes::new().await;
    let of_olga = world.wait(&world.olga).await;
    let of_mia = world.wait(&world.mia).await;
    assert_eq!(standing(&world.mia, &of_mia).await, waits(2));
    let more = wish(Some(&world.tutor), &[(FIRST, FOURTH)]);
    let twice = world.olga.post(WAITLIST, &more).await;
    twice.expect_problem(409, "already_waiting");
    cancel(&world.sam, &world.booking).await;
    world.test.run_jobs().await;
    let offer = seen(&world.olga, &of_olga).await["offer"].clone();
    assert_eq!(
        (&offer["start"], &offer["end"]),
        (&json!(SECOND), &json!(THIRD))
    );
    // Nobody finds or takes it, nor is it in the calendar.
    let path = format!("/slots?from={SECOND}&to={THIRD}&minutes=60");
    let found = world.mia.get(&world.tutor.path(&path)).await.expect(200);
    let starts = found["items"].as_array().unwrap().iter();
    assert!(
        starts.clone().all(|slot| slot["start"] != SECOND),
        "{found}"
    );
    let taken = world
        .mia
        .post("/v1/bookings", &world.tutor.lesson(SECOND, 60))
        .await;
    assert_eq!(reasons(taken), ["hold"]);
    crate::support::lesson::assert_starts(&world.test, &world.tutor, &[]);
    let booking = place(&accept(&world.olga, &of_olga).await);
    assert_eq!(
        world.olga.get(&booking).await.expect(200)["status"],
        "confirmed"
    );
    world.test.run_jobs().await;
    crate::support::lesson::assert_starts(&world.test, &world.tutor, &[SECOND]);
    assert_eq!(standing(&world.mia, &of_mia).await, waits(1));
    // And so on, when Olga changes her mind.
    cancel(&world.olga, &booking).await;
    world.test.run_jobs().await;
    assert_eq!(standing(&world.mia, &of_mia).await, is("offered"));
    world.test.expect_nobody_double_booked().await;
}

#[tokio::test]
async fn an_offer_of_time_that_lapses_goes_to_the_next_and_holds_are_besides() {
    let world = Wishes::new().await;
    let of_olga = world.wait(&world.olga).await;
    let of_mia = world.wait(&world.mia).await;
    // Whoever holds all that a student can hold is offered something all the same.
    for start in [
        "2027-03-03T08:00:00Z",
        "2027-03-03T09:00:00Z",
        "2027-03-03T10:00:00Z",
    ] {
        let held = world
            .olga
            .post("/v1/holds", &world.tutor.lesson(start, 60))
            .await;
        held.expect(201);
    }
    cancel(&world.sam, &world.booking).await;
    world.test.run_jobs().await;
    assert_eq!(standing(&world.olga, &of_olga).await, is("offered"));
    let holds = world.olga.get("/v1/holds").await.expect(200);
    assert_eq!(holds["items"].as_array().unwrap().len(), 4);
    world.test.pass(TimeDelta::minutes(120));
    settle(&world.test).await;
    assert_eq!(standing(&world.olga, &of_olga).await, waits(1));
    assert_eq!(standing(&world.mia, &of_mia).await, is("offered"));
    // A hold that is an offer is booked like any other.
    let hold = seen(&world.mia, &of_mia).await["offer"]["hold_id"].clone();
    let path = format!("/v1/holds/{}/book", hold.as_str().unwrap());
    world.mia.post(&path, &json!({})).await.expect(201);
    assert_eq!(standing(&world.mia, &of_mia).await, is("accepted"));
}

#[tokio::test]
async fn who_waits_for_any_tutor_is_offered_the_first_time_of_any_within_a_window() {
    let world = Wishes::new().await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    let day = json!({"first_date": "2027-03-02", "last_date": "2027-03-02"});
    let off = theo.person.post(&theo.path("/time-off"), &day).await;
    let off = place(&off);
    let windows = [
        (SECOND, THIRD),
        ("2027-03-06T08:00:00Z", "2027-03-06T12:00:00Z"),
    ];
    let entry = place(&world.olga.post(WAITLIST, &wish(None, &windows)).await);
    settle(&world.test).await;
    assert_eq!(standing(&world.olga, &entry).await, waits(1));
    let etag = theo.person.get(&theo.path("")).await.etag();
    let back = theo.person.request(reqwest::Method::DELETE, &off);
    theo.person
        .send(back.header("if-match", etag))
        .await
        .expect(204);
    settle(&world.test).await;
    let offer = seen(&world.olga, &entry).await["offer"].clone();
    assert_eq!(
        (&offer["tutor"]["id"], &offer["start"]),
        (&json!(theo.id.0), &json!(SECOND))
    );
}

#[tokio::test]
async fn a_tutor_who_wants_to_be_asked_is_asked_when_an_offer_is_accepted() {
    let world = Wishes::new().await;
    let entry = world.wait(&world.olga).await;
    let of_mia = world.wait(&world.mia).await;
    let policy = json!({"requires_approval": true});
    let etag = world.tutor.person.get(&world.tutor.path("")).await.etag();
    let path = world.tutor.path("/policy");
    let edited = world
        .tutor
        .person
        .edit(reqwest::Method::PUT, &path, &etag, &policy);
    edited.await.expect(200);
    cancel(&world.sam, &world.booking).await;
    world.test.run_jobs().await;
    let booking = place(&accept(&world.olga, &entry).await);
    assert_eq!(
        world.olga.get(&booking).await.expect(200)["status"],
        "requested"
    );
    assert_eq!(standing(&world.olga, &entry).await, is("accepted"));
    let accepted = world.olga.get("/v1/waitlist?status=accepted").await;
    let accepted = accepted.expect(200)["items"][0].clone();
    assert!(booking.ends_with(accepted["booking_id"].as_str().unwrap()));
    let again = wish(Some(&world.tutor), &[(SECOND, THIRD)]);
    let again = world.olga.post(WAITLIST, &again).await;
    again.expect_problem(409, "already_waiting");
    // The tutor says no: that costs no place, and the next is asked.
    let no = format!("{booking}/decline");
    world.tutor.person.post(&no, &json!({})).await.expect(200);
    assert_eq!(standing(&world.olga, &entry).await, waits(1));
    let turned_down = "SELECT sum(turned_down) FROM waitlist_entries";
    assert_eq!(world.test.count(turned_down).await, 0);
    world.test.run_jobs().await;
    assert_eq!(standing(&world.mia, &of_mia).await, is("offered"));
}

#[tokio::test]
async fn waiting_ends_with_the_last_window() {
    let world = Wishes::new().await;
    let entry = world.wait(&world.olga).await;
    world.test.set_clock(at(THIRD));
    settle(&world.test).await;
    assert_eq!(standing(&world.olga, &entry).await, is("over"));
    // Nobody asks about it for ever.
    let entries = "SELECT count(*) FROM waitlist_entries";
    world.test.pass(TimeDelta::days(180));
    settle(&world.test).await;
    assert_eq!(world.test.count(entries).await, 1);
    world.test.pass(TimeDelta::seconds(1));
    settle(&world.test).await;
    assert_eq!(world.test.count(entries).await, 0);
}

/// Nobody teaches it, so there is nothing to wait for.
#[tokio::test]
async fn a_wish_keeps_no_level_of_a_subject_from_going() {
    let world = Wishes::new().await;
    let mut wish = wish(None, &[(FIRST, FOURTH)]);
    wish["wish"]["subject"] = json!("physics");
    let entry = place(&world.olga.post(WAITLIST, &wish).await);
    let admin = world.test.admin("Ada").await;
    let etag = admin.get("/v1/subjects/physics").await.etag();
    let levels = json!({"levels": ["Bachelor"]});
    let edited = admin.edit(
        reqwest::Method::PATCH,
        "/v1/subjects/physics",
        &etag,
        &levels,
    );
    edited.await.expect(200);
    world
        .olga
        .get(&entry)
        .await
        .expect_problem(404, "not_found");
}

/// More than one run deals with wait for a time that is taken, and the last for one that is free.
#[tokio::test]
async fn what_a_run_leaves_the_next_one_goes_on_with() {
    let world = Wishes::new().await;
    let many = usize::from(api::service::waitlist::MOST_PER_RUN);
    for student in &students(&world.test, many).await {
        let taken = wish(Some(&world.tutor), &[(SECOND, THIRD)]);
        place(&student.post(WAITLIST, &taken).await);
    }
    let free = wish(Some(&world.tutor), &[(FIRST, SECOND)]);
    let entry = place(&world.olga.post(WAITLIST, &free).await);
    world.test.run_jobs().await;
    assert_eq!(standing(&world.olga, &entry).await, is("offered"));
}

/// What is looked for in case there is something keeps nobody out of what nobody else was quick enough to take.
#[tokio::test]
async fn a_look_for_seats_keeps_nobody_from_joining() {
    let world = World::new().await;
    let of_mia = world.wait(&world.mia).await;
    world.free_seat(0).await;
    world.test.run_jobs().await;
    decline(&world.mia, &of_mia).await.expect(200);
    world.test.run_jobs().await;
    world.test.pass(TimeDelta::minutes(120));
    api::service::waitlist::sweep(&world.test.app)
        .await
        .unwrap();
    join(&world.nora, &world.lesson).await;
}

/// The week in which time gets free is full for the student; there is time in the next one too.
#[tokio::test]
async fn a_week_that_a_quota_makes_full_keeps_no_later_week_from_being_offered() {
    let world = Wishes::new().await;
    book(&world.olga, &world.tutor, THIRD).await;
    let admin = world.test.admin("Ada").await;
    let quota = json!({"student_id": world.olga.id().await, "weekly_minutes": 60});
    let limited = admin.edit(reqwest::Method::PUT, "/v1/quota", "\"1\"", &quota);
    limited.await.expect(200);
    let next = at(SECOND) + TimeDelta::days(7);
    let next_end = next + TimeDelta::hours(1);
    let (next, next_end) = (next.to_rfc3339(), next_end.to_rfc3339());
    let windows = [(FIRST, FOURTH), (next.as_str(), next_end.as_str())];
    let wish = wish(Some(&world.tutor), &windows);
    let entry = place(&world.olga.post(WAITLIST, &wish).await);
    world.test.run_jobs().await;
    let offer = seen(&world.olga, &entry).await["offer"].clone();
    let start = offer["start"].as_str().expect("an offer");
    assert_eq!(at(start), at(&next));
}

#[tokio::test]
async fn a_move_frees_time_as_cancelling_does() {
    let world = Wishes::new().await;
    let entry = world.wait(&world.olga).await;
    let path = format!("{}/reschedule", world.booking);
    let to = json!({"start": FOURTH, "end": at(FOURTH) + TimeDelta::hours(1)});
    world.sam.post(&path, &to).await.expect(200);
    world.test.run_jobs().await;
    assert_eq!(standing(&world.olga, &entry).await, is("offered"));
}

/// What a tutor did not want to give somebody is not offered them once more; other times are.
#[tokio::test]
async fn what_a_tutor_declined_is_not_offered_to_the_same_student_again() {
    let world = Wishes::new().await;
    let asks = json!({"requires_approval": true});
    let asks = world.tutor.edit(reqwest::Method::PUT, "/policy", &asks);
    asks.await.expect(200);
    let entry = world.wait(&world.olga).await;
    cancel(&world.sam, &world.booking).await;
    world.test.run_jobs().await;
    let booking = place(&accept(&world.olga, &entry).await);
    let no = format!("{booking}/decline");
    world.tutor.person.post(&no, &json!({})).await.expect(200);
    world.test.pass(TimeDelta::hours(1));
    settle(&world.test).await;
    assert_eq!(standing(&world.olga, &entry).await, waits(1));
    // Somebody else may want it.
    let of_mia = wish(Some(&world.tutor), &[(SECOND, THIRD)]);
    let of_mia = place(&world.mia.post(WAITLIST, &of_mia).await);
    world.test.run_jobs().await;
    assert_eq!(standing(&world.mia, &of_mia).await, is("offered"));
    // Nor is a part of it, but what comes after it.
    world.olga.delete(&entry).await.expect(204);
    let more = wish(Some(&world.tutor), &[(SECOND, FOURTH)]);
    let entry = place(&world.olga.post(WAITLIST, &more).await);
    settle(&world.test).await;
    assert_eq!(seen(&world.olga, &entry).await["offer"]["start"], THIRD);
}

#[tokio::test]
async fn a_wish_that_can_t_be_looked_after_for_a_fault_holds_up_no_other() {
    let world = Wishes::new().await;
    let entries = [world.wait(&world.olga).await, world.wait(&world.mia).await];
    let id = world.olga.id().await;
    let function = "CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$";
    world.test.execute(function).await;
    let trigger = format!(
        "CREATE TRIGGER breaks BEFORE INSERT ON bookings FOR EACH ROW WHEN (NEW.student_id = '{id}') EXECUTE FUNCTION break()"
    );
    world.test.execute(&trigger).await;
    cancel(&world.sam, &world.booking).await;
    world.test.run_jobs().await;
    assert_eq!(standing(&world.olga, &entries[0]).await, waits(1));
    assert_eq!(standing(&world.mia, &entries[1]).await, is("offered"));
}

/// A wish for something a little different is none that nothing was offered for yet.
#[tokio::test]
async fn who_wishes_for_another_length_has_turned_down_as_much() {
    let world = Wishes::new().await;
    let entry = world.wait(&world.olga).await;
    cancel(&world.sam, &world.booking).await;
    world.test.run_jobs().await;
    world.olga.delete(&entry).await.expect(204);
    let mut longer = wish(Some(&world.tutor), &[(FIRST, FOURTH)]);
    longer["wish"]["minutes"] = json!(90);
    let longer = place(&world.olga.post(WAITLIST, &longer).await);
    let turned_down = "SELECT turned_down::bigint FROM waitlist_entries WHERE status = 'waiting'";
    assert_eq!(world.test.count(turned_down).await, 1);
    world.test.run_jobs().await;
    assert_eq!(standing(&world.olga, &longer).await, waits(1));
    // With any tutor, it is something else.
    world.olga.delete(&longer).await.expect(204);
    let any = wish(None, &[(FIRST, FOURTH)]);
    place(&world.olga.post(WAITLIST, &any).await);
    assert_eq!(world.test.count(turned_down).await, 0);
}
