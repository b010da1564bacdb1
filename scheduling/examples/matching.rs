//! How long it takes to match many wishes, and how many are filled: a centre with 60 tutors, 500 wishes and one week.
//!
//! `cargo run --release -p scheduling --example matching [wishes] [tutors] [effort]`

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use scheduling::interval::Span;
use scheduling::matching::{Candidate, Problem, first_come, solve};

/// `SplitMix64`, so that the instance is the same wherever it is made.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

fn span(from: u64, minutes: u64) -> Span {
    let at = |minutes: u64| TimeDelta::minutes(i64::try_from(minutes).expect("a week"));
    let monday = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(4);
    Span::lasting(monday + at(from), at(minutes)).expect("a span")
}

/// Tutors who are there for some hours on some days of a week, teach two of six subjects, need ten minutes after each
/// lesson and give at most five a day; wishes of 45, 60 or 90 minutes within some afternoons, two of every five of a student
/// who has another one.
fn centre(wishes: usize, tutors: usize, random: &mut Random) -> Problem {
    struct Tutor {
        subjects: [u64; 2],
        hours: Vec<(u64, u64, usize)>,
    }
    let mut problem = Problem {
        wishes,
        ..Problem::default()
    };
    let mut centre = Vec::new();
    for _ in 0..tutors {
        let first = random.below(6);
        let subjects = [first, (first + 1 + random.below(5)) % 6];
        let mut hours = Vec::new();
        for day in 0..5 {
            if random.below(3) > 0 {
                let start = day * 1440 + 60 * (13 + random.below(4));
                hours.push((
                    start,
                    start + 60 * (2 + random.below(3)),
                    problem.limits.len(),
                ));
                problem.limits.push(5);
            }
        }
        centre.push(Tutor { subjects, hours });
    }
    for wish in 0..wishes {
        let student = tutors + if wish % 5 == 4 { wish - 1 } else { wish };
        let (subject, minutes) = (random.below(6), [45, 60, 90][wish % 3]);
        let windows: Vec<(u64, u64)> = (0..=random.below(3))
            .map(|_| {
                let start = random.below(5) * 1440 + 60 * (13 + random.below(5));
                (start, start + 120 + 30 * random.below(5))
            })
            .collect();
        let preferred = random.below(tutors as u64);
        for (tutor, of_tutor) in centre.iter().enumerate() {
            if !of_tutor.subjects.contains(&subject) {
                continue;
            }
            let cost = (tutor as u64 + tutors as u64 - preferred) % tutors as u64;
            for (from, until, limit) in &of_tutor.hours {
                for start in (*from..*until).step_by(15) {
                    let inside =
                        |(open, close): &(u64, u64)| *open <= start && start + minutes <= *close;
                    if start + minutes <= *until && windows.iter().any(inside) {
                        problem.candidates.push(Candidate {
                            wish,
                            tutor: (tutor, span(start, minutes + 10)),
                            student: (student, span(start, minutes)),
                            limits: vec![(*limit, 1)],
                            cost: u32::try_from(cost).expect("a rank"),
                        });
                    }
                }
            }
        }
    }
    problem
}

fn main() {
    let mut given = std::env::args()
        .skip(1)
        .map(|it| it.parse::<u64>().expect("a number"));
    let mut next = |usual| usize::try_from(given.next().unwrap_or(usual)).expect("a number");
    let (wishes, tutors, effort) = (next(500), next(60), next(60_000_000));
    for seed in 0..5 {
        let problem = centre(wishes, tutors, &mut Random(seed));
        let greedy = first_come(&problem);
        let begun = Instant::now();
        let found = solve(&problem, effort as u64, &|| false);
        println!(
            "{wishes} wishes, {tutors} tutors, {} candidates: first come fills {} (cost {}); in {:.2} s {} of at most {} (cost {}, at least {})",
            problem.candidates.len(),
            greedy.filled,
            greedy.cost,
            begun.elapsed().as_secs_f64(),
            found.filled,
            found.most,
            found.cost,
            found.least_cost
        );
    }
}
