//! Absences that are reported, taken back, offered and handed over while others book, approve and move.

use super::{World, ill_on, text};
use crate::support::{
    Answer, Person, TutorAtCentre,
    race::{ROUNDS, Tally, crowded, lasting, on_day, students},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeSet, pin::Pin};

/// How many act at once.
const CLIENTS: usize = 32;

type Act<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

fn boxed<'a>(act: impl Future<Output = Answer> + Send + 'a) -> Act<'a> {
    Box::pin(act)
}

async fn post(person: &Person, path: String, body: Value) -> Answer {
    person.post(&path, &body).await
}

/// The lessons of an hour that begin at these hours of the day of a round.
async fn book_hours(
    students: &[Person],
    tutor: &TutorAtCentre,
    (round, first): (u64, u32),
) -> Vec<String> {
    let mut booked = Vec::new();
    for (student, hour) in students.iter().zip(first..) {
        let wanted = tutor.lesson_over(lasting(on_day(round, hour, 0), 60));
        let booking = student.post("/v1/bookings", &wanted).await.expect(201);
        booked.push(format!("/v1/bookings/{}", text(&booking["id"])));
    }
    booked
}

impl World {
    /// Where the absence is that Tina reports of a round's whole day.
    async fn report_round(&self, round: u64) -> String {
        let date = on_day(round, 12, 0).date_naive();
        self.report(&date.to_string()).await
    }

    async fn expect_sound(&self) {
        self.test.expect_nobody_double_booked().await;
        self.test.expect_promises_kept().await;
    }
}

/// So many try to book before a tutor reports to be absent.
const REPORTING: usize = 4;

/// Whoever was answered that they have a lesson is in the report, or else was refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_report_knows_of_every_lesson_that_is_booked_or_approved_while_it_is_made() {
    let world = World::of(crowded().await).await;
    let asks = json!({"requires_approval": true, "approval_minutes": 90});
    let people = students(&world.test, 24).await;
    let (asking, hurried) = people.split_at(4);
    let mut tally = Tally::new("a report, and bookings and approvals in its time");
    for round in 0..ROUNDS {
        let put = async |policy: &Value| {
            let put = world.tina.edit(Method::PUT, "/policy", policy).await;
            put.expect(200);
        };
        // In every other round, requests are also made in mid-race.
        put(&asks).await;
        let requested = book_hours(asking, &world.tina, (round, 9)).await;
        if round.is_multiple_of(2) {
            put(&json!({"requires_approval": false})).await;
        }
        let date = on_day(round, 12, 0).date_naive().to_string();
        let absences = world.tina.path("/absences");
        let report = boxed(post(&world.tina.person, absences, ill_on(&date)));
        let booking = hurried.iter().zip(0_u32..).map(|(student, n)| {
            let time = lasting(on_day(round, 13 + n % 4, 0), 60);
            let wanted = world.tina.lesson_over(time);
            boxed(post(student, "/v1/bookings".to_owned(), wanted))
        });
        let approving = (0..11).map(|n| {
            let approve = &requested[n % 4];
            boxed(world.tina.person.take_step(approve, "approve"))
        });
        let mut acts: Vec<_> = booking.chain(approving).collect();
        acts.insert(REPORTING, report);
        assert_eq!(acts.len(), CLIENTS);
        let mut answers = tally.race(acts).await;
        let reported = answers.remove(REPORTING).expect(201);
        let absence = format!("/v1/absences/{}", text(&reported["id"]));
        let known = world.bookings(&absence).await;
        let known: BTreeSet<_> = known.iter().map(|it| text(&it["booking_id"])).collect();
        let booked = answers[..hurried.len()].iter();
        let booked = booked.filter(|it| it.status == 201);
        let stand: BTreeSet<_> = booked.map(|it| text(&it.body["id"])).collect();
        let requested = requested.iter().map(|it| super::id_of(it).to_owned());
        let expected: BTreeSet<_> = stand.into_iter().chain(requested).collect();
        assert_eq!(known, expected, "round {round}");
        world.expect_sound().await;
        let again = world.tina.lesson_over(lasting(on_day(round, 13, 0), 60));
        let refused = hurried[0].post("/v1/bookings", &again).await;
        refused.expect_problem(409, "slot_unavailable");
    }
    tally.expect_only(&[200, 201, 409]);
    assert_eq!(world.test.deadlocks().await, 0);
}

/// Why a lesson is not handed over while others do it, or take the time of who was to have it.
const BY_OTHERS: [&str; 5] = [
    "slot_unavailable",
    "changed_meanwhile",
    "tutor_changed",
    "no_substitute",
    "settled",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lessons_that_are_handed_over_by_several_at_once_go_to_one_tutor_each() {
    let world = World::of(crowded().await).await;
    let people = students(&world.test, CLIENTS).await;
    let (taught, hurried) = people.split_at(4);
    let mut tally = Tally::new("handing over all, by four at once");
    let mut handed_over = 0;
    for round in 0..ROUNDS {
        let booked = book_hours(taught, &world.tina, (round, 9)).await;
        let absence = world.report_round(round).await;
        let all = || {
            let path = format!("{absence}/reassignments");
            boxed(post(&world.admin, path, json!({"all": true})))
        };
        // Half of those want the very time of those who could take the lessons over.
        let booking = hurried.iter().zip(0_u32..).map(|(student, n)| {
            let tutor = [&world.theo, &world.thea][n as usize % 2];
            let wanted = tutor.lesson_over(lasting(on_day(round, 9 + n % 8, 0), 60));
            boxed(post(student, "/v1/bookings".to_owned(), wanted))
        });
        let acts: Vec<_> = booking.chain((0..4).map(|_| all())).collect();
        assert_eq!(acts.len(), CLIENTS);
        let answers = tally.race(acts).await;
        for done in answers.into_iter().skip(hurried.len()) {
            for it in done.expect(200)["bookings"].as_array().unwrap() {
                let code = it["refusal"]["code"].as_str();
                assert!(code.is_none_or(|code| BY_OTHERS.contains(&code)), "{it:#}");
            }
        }
        world.expect_sound().await;
        // What is still open has nobody for it.
        let rest = world.reassign(&absence, &json!({"all": true})).await;
        for it in rest {
            let code = it["refusal"]["code"].as_str();
            assert!(matches!(code, None | Some("no_substitute")), "{it:#}");
        }
        for it in world.bookings(&absence).await {
            let is_tinas = it["tutor"]["name"] == "Tina";
            assert_eq!(it["state"], if is_tinas { "open" } else { "reassigned" });
            handed_over += usize::from(!is_tinas);
        }
        assert_eq!(world.bookings(&absence).await.len(), booked.len());
        world.test.run_jobs().await;
    }
    println!("{handed_over} of {} were handed over", 4 * ROUNDS);
    assert!(handed_over > 0);
    tally.expect_only(&[200, 201, 409]);
    assert_eq!(world.test.deadlocks().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_absence_that_is_taken_back_while_its_lessons_are_handed_over_leaves_each_with_one_tutor()
 {
    let world = World::of(crowded().await).await;
    let people = students(&world.test, 4).await;
    let mut tally = Tally::new("taking back, and handing over");
    let (mut stayed, mut went) = (0, 0);
    for round in 0..ROUNDS {
        let booked = book_hours(&people, &world.tina, (round, 9)).await;
        let absence = world.report_round(round).await;
        world.offer_all(&absence).await;
        let others = [&world.theo, &world.thea];
        let acts = (0..CLIENTS).map(|n| {
            if n % 16 == 9 {
                return boxed(world.tina.person.delete(&absence));
            }
            let (booking, tutor) = (&booked[n % 4], others[n / 4 % 2].id.0);
            let one = json!({"booking_id": super::id_of(booking), "tutor_id": tutor});
            let some = json!({"assignments": [one]});
            boxed(post(&world.admin, format!("{absence}/reassignments"), some))
        });
        let answers = tally.race(acts.collect::<Vec<_>>()).await;
        for refused in answers.into_iter().filter(|it| it.status == 409) {
            refused.expect_problem(409, "taken_back");
        }
        world.expect_sound().await;
        for it in world.bookings(&absence).await {
            let is_tinas = it["tutor"]["name"] == "Tina";
            assert_eq!(it["state"], if is_tinas { "kept" } else { "reassigned" });
            *(if is_tinas { &mut stayed } else { &mut went }) += 1;
        }
        for (student, booking) in people.iter().zip(&booked) {
            let seen = student.get(booking).await.expect(200);
            assert_eq!(seen["status"], "confirmed");
            assert_eq!(seen["absence_offer"], Value::Null);
        }
        let offers = format!("{absence}/offers");
        let nothing = world.admin.post(&offers, &json!({"all": true})).await;
        nothing.expect_problem(409, "taken_back");
        world.test.run_jobs().await;
    }
    println!("{stayed} stayed, {went} were handed over");
    tally.expect_only(&[200, 204, 409]);
    assert_eq!(world.test.deadlocks().await, 0);
}

/// Those who come after so many offer lessons to their students.
const OFFERING: usize = 28;

/// It is too late to move these lessons, but for those to whom it is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_student_moves_a_lesson_exactly_if_it_is_left_to_them_by_then() {
    let world = World::of(crowded().await).await;
    let path = "/v1/cancellation-policy";
    let etag = world.admin.get(path).await.etag();
    let policy = json!({"policy": {"windows": [], "grace_minutes": 0, "credit_days": 30}});
    let replaced = world.admin.edit(Method::PUT, path, &etag, &policy).await;
    replaced.expect(200);
    let people = students(&world.test, 4).await;
    let mut tally = Tally::new("offering, and moving what is offered");
    let mut moved = 0;
    for round in 0..ROUNDS {
        let booked = book_hours(&people, &world.tina, (round, 9)).await;
        // Of the morning.
        let (start, end) = lasting(on_day(round, 9, 0), 240);
        let morning = json!({"start": start, "end": end, "reason": "family"});
        let reported = world
            .tina
            .person
            .post(&world.tina.path("/absences"), &morning)
            .await;
        let absence = format!("/v1/absences/{}", text(&reported.expect(201)["id"]));
        let acts = (0..CLIENTS).map(|n| {
            if n >= OFFERING {
                return boxed(post(
                    &world.admin,
                    format!("{absence}/offers"),
                    json!({"all": true}),
                ));
            }
            let (student, booking) = (&people[n % 4], &booked[n % 4]);
            let hour = 13 + u32::try_from(n % 4).unwrap();
            let (start, end) = lasting(on_day(round, hour, 0), 60);
            let to = json!({"start": start, "end": end});
            boxed(post(student, format!("{booking}/reschedule"), to))
        });
        let answers = tally.race(acts.collect::<Vec<_>>()).await;
        let mut times = [0; 4];
        for (n, answer) in answers.into_iter().enumerate().take(OFFERING) {
            if answer.status == 200 {
                times[n % 4] += 1;
                assert_eq!(answer.body["absence_offer"], Value::Null);
                continue;
            }
            let refusal = answer.expect(409);
            let code = refusal["code"].as_str().unwrap();
            assert!(
                ["too_late_to_move", "same_time"].contains(&code),
                "{refusal:#}"
            );
        }
        world.expect_sound().await;
        for (it, times) in world.bookings(&absence).await.iter().zip(times) {
            let state = if times == 0 { "offered" } else { "rescheduled" };
            assert_eq!(it["state"], state, "round {round}: {it:#}");
            assert!(times <= 1, "moved twice to one time");
            moved += times;
        }
        world.test.run_jobs().await;
    }
    println!("{moved} of {} were moved in mid-race", 4 * ROUNDS);
    assert!(moved > 0);
    tally.expect_only(&[200, 409]);
    assert_eq!(world.test.deadlocks().await, 0);
}
