//! Google Calendar, both ways: whatever people book, move and cancel, whatever tutors do in their calendars, and whatever
//! goes wrong at Google, on the way there and with servers: busy time that is known is never taken for free meanwhile, and
//! when it is quiet again both sides agree.
//!
//! A life is a list of steps that a seed gives. `SEED=7 STEPS=300` lives one again; `WITHOUT=1-40,44` leaves steps out of
//! it, and `SHRINK=1` finds out which can be, without which it fails as before. `LIVES=50` lives more of them. Where several
//! act at once the outcome may depend on who is first, and how long jobs pause is up to chance.
//!
//! A server that is killed is a runtime of its own that is dropped with all it does: see
//! [`work_until_killed`](world::World::work_until_killed). A process of its own takes as long as a hundred steps, and is
//! killed in [`kill`](crate::kill).

mod checks;
mod own;
mod step;
mod trouble;
mod world;

use crate::support::from_env;
use futures::{FutureExt, StreamExt, stream};
use google_sandbox::RequestLog;
use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};
use step::Step;
use world::{Memory, World};

/// How many lives there are, and how many steps each has, unless `LIVES` and `STEPS` say so.
const LIVES: u64 = 8;
const STEPS: u64 = 300;

/// So many are lived at the same time.
const AT_A_TIME: usize = 3;

/// How often it is asked of all tables whether nobody is double-booked.
const OFTEN: usize = 10;

/// How often each outcome was.
type Tally = BTreeMap<String, usize>;

/// Says what happened and how to see it again, if something is wrong.
struct Replay {
    seed: u64,
    steps: usize,
    memory: Arc<Mutex<Memory>>,
}

impl Drop for Replay {
    fn drop(&mut self) {
        let Self {
            seed,
            steps,
            memory,
        } = self;
        if std::thread::panicking() {
            let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("SEED={seed} STEPS={steps}\n{}", memory.log.join("\n"));
        }
    }
}

async fn live(seed: u64, steps: &[(usize, Step)]) -> Tally {
    let mut world = World::new().await;
    let replay = Replay {
        seed,
        steps: steps.last().map_or(0, |(number, _)| number + 1),
        memory: world.memory.clone(),
    };
    world.look().await;
    for (number, step) in steps {
        world.take(*number, step).await;
        world.look().await;
        if number % OFTEN == 0 {
            world.test.expect_nobody_double_booked().await;
        }
    }
    world.come_to_rest().await;
    world.expect_agreement().await;
    world.expect_no_spare_channels().await;
    drop(replay);
    let mut tally = world.memory().tally.clone();
    for request in world.test.google.requests() {
        *tally.entry(kind(&request)).or_default() += 1;
    }
    tally
}

/// What Google was asked, and how it answered: nothing by 0.
fn kind(request: &RequestLog) -> String {
    let RequestLog {
        method,
        path,
        query,
        status,
    } = request;
    let last = path.rsplit('/').next().unwrap_or_default();
    let before = path.rsplit('/').nth(1).unwrap_or_default();
    let is_page = query.contains("pageToken=");
    let what = match last {
        _ if before == "events" && last != "watch" => "event",
        "events" if is_page => "page of events",
        "events" if query.contains("syncToken=") => "changes",
        other => other,
    };
    format!("{method} {what} {status}")
}

/// Whether a step is left out.
fn is_without(number: usize) -> bool {
    let without = std::env::var("WITHOUT").unwrap_or_default();
    let parts = without.split(',').filter(|part| !part.is_empty());
    let mut parts = parts.map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        first.parse().unwrap()..=last.parse::<usize>().unwrap()
    });
    parts.any(|numbers| numbers.contains(&number))
}

async fn live_by(seed: u64) -> Tally {
    let count = from_env("STEPS").unwrap_or(STEPS);
    let mut steps = step::life(seed, usize::try_from(count).unwrap());
    steps.retain(|(number, _)| !is_without(*number));
    if from_env("SHRINK").is_some() {
        shrink(seed, steps).await;
        return Tally::new();
    }
    live(seed, &steps).await
}

/// Leaves out whatever a life can be without that goes wrong, and says what is left.
async fn shrink(seed: u64, mut steps: Vec<(usize, Step)>) {
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut until = steps.len();
        while until > 0 {
            let from = until.saturating_sub(size);
            let mut fewer = steps.clone();
            fewer.drain(from..until);
            if AssertUnwindSafe(live(seed, &fewer))
                .catch_unwind()
                .await
                .is_err()
            {
                steps = fewer;
            }
            until = from.min(steps.len());
        }
        size /= 2;
    }
    println!("SEED={seed} goes wrong with these alone: {steps:#?}");
}

/// What the lives are to show, all together: else they would show little.
const SHOWN: [&str; 31] = [
    "Book 201",
    "Book 409",
    "Move 200",
    "Move 409",
    "Cancel 200",
    "Open 201",
    "Open 409",
    "Join 201",
    "MoveLesson 200",
    "CancelLesson 200",
    "HandOver 200",
    "Choose 200",
    "Disconnect 204",
    "Answer",
    "Drag",
    "Remove",
    "Own",
    "Pass",
    "Work",
    "Killed",
    "Push",
    "Fault",
    "Arrive",
    "ExpireTokens",
    "Revoke",
    "POST events 0",
    "POST events 409",
    "PATCH event 0",
    "PATCH event 412",
    "GET changes 410",
    "GET changes 400",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_agree_after_lives_in_which_everything_happens_and_goes_wrong() {
    if let Some(seed) = from_env("SEED") {
        live_by(seed).await;
        return;
    }
    let lives = 0..from_env("LIVES").unwrap_or(LIVES);
    let lives = stream::iter(lives).map(|seed| live_by(seed).boxed_local());
    let tallies: Vec<_> = lives.buffer_unordered(AT_A_TIME).collect().await;
    let mut all = Tally::new();
    for (outcome, count) in tallies.into_iter().flatten() {
        *all.entry(outcome).or_default() += count;
    }
    println!("{all:?}");
    if ["LIVES", "STEPS"].iter().all(|it| from_env(it).is_none()) {
        for outcome in SHOWN {
            assert!(all.contains_key(outcome), "{outcome} in no life: {all:?}");
        }
    }
}
