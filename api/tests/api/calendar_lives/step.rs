//! What may happen, and what happens in a life: drawn step by step, each by the seed and its number alone. So a life
//! from which steps are left out has the others as they were.

use super::{
    own::{Change, Own, When},
    trouble::{Delivery, Fault, Kind, Of},
};
use chrono_tz::Tz;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

/// Of calendars: near enough, and not.
const ZONES: [Tz; 3] = [Tz::Europe__Berlin, Tz::UTC, Tz::Pacific__Auckland];

/// A time at which a lesson may be: so many days ahead, or on the first working day after that, and so many half hours
/// after seven in UTC.
#[derive(Clone, Copy, Debug)]
pub struct Slot(pub i64, pub i64);

/// Something that happens. Numbers name people and things, however many there are by then.
#[derive(Clone, Debug)]
pub enum Step {
    Book {
        student: usize,
        tutor: usize,
        at: Slot,
        minutes: i64,
    },
    Move(usize, Slot),
    /// By the student, or by the tutor.
    Cancel(usize, bool),
    /// A tutor opens a group lesson.
    Open {
        tutor: usize,
        at: Slot,
        seats: i16,
    },
    Join(usize, usize),
    MoveLesson(usize, Slot),
    CancelLesson(usize),
    /// Another tutor takes a lesson over.
    HandOver(usize, usize),
    /// A student answers an invitation to a lesson.
    Answer(usize, &'static str),
    /// A tutor drags the event of a lesson that is ahead.
    Drag(usize, Slot),
    /// A tutor deletes the event of a lesson that is ahead.
    Remove(usize),
    /// What a tutor has in their own calendars changes.
    Own(Own),
    /// A tutor chooses which calendars block, by bits, and which receives lessons.
    Choose(usize, u8, usize),
    /// Minutes pass.
    Pass(i64),
    /// All jobs that are due run, at so many instances at once.
    Work(usize),
    /// An instance begins to run jobs, and is killed after so many microseconds.
    Killed(u64),
    Push(Delivery),
    Fault(Fault),
    /// Google is well again.
    Calm,
    /// What was late arrives.
    Arrive,
    ExpireTokens,
    Revoke(usize),
    Disconnect(usize),
    Connect(usize),
    /// Who has to connect again does.
    Mend,
    /// At the same moment.
    AtOnce(Vec<Step>),
}

/// The steps of a life.
pub fn life(seed: u64, steps: usize) -> Vec<(usize, Step)> {
    let step = |number| {
        let mut rng = StdRng::seed_from_u64(seed.rotate_left(32) ^ number as u64);
        (number, one(&mut rng))
    };
    (0..steps).map(step).collect()
}

fn one(rng: &mut StdRng) -> Step {
    match rng.random_range(0..100) {
        0..36 => by_people(rng),
        36..46 => Step::Own(own(rng)),
        46..48 if rng.random_bool(0.25) => Step::Remove(number(rng)),
        46..48 => Step::Drag(number(rng), slot(rng)),
        48..61 => Step::Pass(
            *[1, 1, 1, 2, 3, 6, 11, 31, 70, 250, 1500]
                .choose(rng)
                .unwrap(),
        ),
        61..74 => Step::Work(rng.random_range(1..=3)),
        74..77 => Step::Killed(rng.random_range(0..25_000)),
        77..81 => Step::Push(delivery(rng)),
        81..86 => Step::Fault(fault(rng)),
        86..88 => Step::Calm,
        88 => Step::Arrive,
        89 => rare(rng),
        90 => Step::Mend,
        91 => Step::Choose(number(rng), rng.random(), number(rng)),
        _ => Step::AtOnce(at_once(rng)),
    }
}

fn rare(rng: &mut StdRng) -> Step {
    match rng.random_range(0..7) {
        0..2 => Step::ExpireTokens,
        2..4 => Step::Revoke(number(rng)),
        4 => Step::Disconnect(number(rng)),
        _ => Step::Connect(number(rng)),
    }
}

/// Some act while jobs run. Which calendars there are, and who has connected them, stays.
fn at_once(rng: &mut StdRng) -> Vec<Step> {
    let mut steps = vec![Step::Work(rng.random_range(1..=2))];
    if rng.random_bool(0.2) {
        steps.push(Step::Killed(rng.random_range(0..25_000)));
    }
    for _ in 0..rng.random_range(1..5) {
        steps.push(match rng.random_range(0..14) {
            0..9 => by_people(rng),
            9..11 => Step::Push(delivery(rng)),
            11 => Step::Drag(number(rng), slot(rng)),
            12 if rng.random() => Step::Remove(number(rng)),
            _ => Step::Own(own(rng)),
        });
    }
    steps
}

fn by_people(rng: &mut StdRng) -> Step {
    match rng.random_range(0..30) {
        0..11 => Step::Book {
            student: number(rng),
            tutor: number(rng),
            at: slot(rng),
            minutes: *[60, 60, 90].choose(rng).unwrap(),
        },
        11..18 => Step::Move(number(rng), slot(rng)),
        18..22 => Step::Cancel(number(rng), rng.random_bool(0.3)),
        22..24 => Step::Open {
            tutor: number(rng),
            at: slot(rng),
            seats: rng.random_range(2..5),
        },
        24..27 => Step::Join(number(rng), number(rng)),
        27 => Step::MoveLesson(number(rng), slot(rng)),
        28 if rng.random() => Step::CancelLesson(number(rng)),
        28 => Step::HandOver(number(rng), number(rng)),
        _ => {
            let answers = ["accepted", "declined", "tentative"];
            Step::Answer(number(rng), answers.choose(rng).unwrap())
        }
    }
}

fn slot(rng: &mut StdRng) -> Slot {
    Slot(rng.random_range(0..9), rng.random_range(0..18))
}

fn number(rng: &mut StdRng) -> usize {
    rng.random_range(0..1000)
}

fn own(rng: &mut StdRng) -> Own {
    match rng.random_range(0..40) {
        0 => Own::Zone(number(rng), *ZONES.choose(rng).unwrap()),
        1 => Own::Gone(number(rng), number(rng)),
        2..14 => Own::Create(number(rng), number(rng), when(rng)),
        14..26 => Own::Change(number(rng), change(rng)),
        26..32 => Own::Delete(number(rng)),
        32..36 => {
            let when = rng.random_bool(0.6).then(|| when(rng));
            Own::Occurrence(number(rng), rng.random_range(0..6), when)
        }
        36..38 => Own::Invitation(number(rng), when(rng)),
        _ => Own::OnLesson(number(rng)),
    }
}

fn when(rng: &mut StdRng) -> When {
    let near = rng.random_bool(0.85);
    let day = rng.random_range(if near { 0..10 } else { -2..64 });
    if rng.random_bool(0.12) {
        return When::Days(day, rng.random_range(1..4));
    }
    When::Quarters(day, rng.random_range(0..60), rng.random_range(1..9))
}

fn change(rng: &mut StdRng) -> Change {
    match rng.random_range(0..14) {
        0..5 => Change::When(when(rng)),
        5..7 => Change::Transparent(rng.random()),
        7..9 => {
            let answers = ["declined", "accepted", "needsAction", "tentative"];
            Change::Reply(answers.choose(rng).unwrap())
        }
        9..12 => Change::Repeat(
            [
                "RRULE:FREQ=WEEKLY",
                "RRULE:FREQ=DAILY;COUNT=5",
                "RRULE:FREQ=WEEKLY;BYDAY=TU,TH;COUNT=8",
                "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;UNTIL=20270501T000000Z",
            ]
            .choose(rng)
            .unwrap(),
        ),
        12 => Change::Single,
        _ => Change::Rename,
    }
}

fn delivery(rng: &mut StdRng) -> Delivery {
    *[
        Delivery::All,
        Delivery::Backwards,
        Delivery::Twice,
        Delivery::Later,
        Delivery::Never,
    ]
    .choose(rng)
    .unwrap()
}

fn fault(rng: &mut StdRng) -> Fault {
    let of = [
        Of::Anything,
        Of::Anything,
        Of::Insert,
        Of::Insert,
        Of::Insert,
        Of::Change,
        Of::Change,
        Of::Change,
        Of::Deletion,
        Of::Deletion,
        Of::Reading,
        Of::Watching,
        Of::List,
        Of::FreeBusy,
        Of::Tokens,
    ];
    let kinds = [
        Kind::Backend,
        Kind::Overload,
        Kind::TooMany,
        Kind::Rate,
        Kind::UserRate,
        Kind::Quota,
        Kind::Unauthorized,
        Kind::Lost,
        Kind::Lost,
        Kind::DoneAnd500,
        Kind::Late,
        Kind::Late,
        Kind::Late,
        Kind::Changed,
        Kind::Expired,
        Kind::ExpiredMidway,
        Kind::Malformed,
    ];
    Fault {
        kind: *kinds.choose(rng).unwrap(),
        of: *of.choose(rng).unwrap(),
        times: *[1, 1, 2, 3, 4, 8, 30].choose(rng).unwrap(),
    }
}
