//! Matchings: what is chosen can stand together, and nothing is better.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use scheduling::interval::Span;
use scheduling::matching::{Candidate, Matching, Problem, first_come, solve};

/// Far more than small problems need.
const EFFORT: u64 = 20_000_000;

fn span(from: i64, until: i64) -> Span {
    let at = |quarters| DateTime::<Utc>::UNIX_EPOCH + TimeDelta::minutes(15 * quarters);
    Span::new(at(from), at(until)).expect("a span")
}

/// A candidate that needs `pause` quarters of an hour after the lesson.
fn candidate(
    wish: usize,
    (tutor, student): (usize, usize),
    (from, length, pause): (i64, i64, i64),
    limits: Vec<(usize, u32)>,
    cost: u32,
) -> Candidate {
    Candidate {
        wish,
        tutor: (tutor, span(from, from + length + pause)),
        student: (student, span(from, from + length)),
        limits,
        cost,
    }
}

/// Problems in which tutors learn too, lessons have different lengths, and limits hold for the lessons of one tutor each, and
/// for the time of one student each.
fn problems(wishes: usize, candidates: usize, quarters: i64) -> impl Strategy<Value = Problem> {
    const TUTORS: usize = 3;
    let students = prop::collection::vec(0..TUTORS + wishes, wishes);
    let limits = prop::collection::vec(0..4_u32, TUTORS);
    let quotas = prop::collection::vec(1..12_u32, TUTORS + wishes);
    let of_candidate = (
        0..wishes,
        0..TUTORS,
        0..quarters,
        2..5_i64,
        0..2_i64,
        0..9_u32,
    );
    let candidates = prop::collection::vec(of_candidate, 0..=candidates);
    (students, limits, quotas, candidates).prop_map(
        move |(students, limits, quotas, candidates)| {
            let candidates = candidates.into_iter();
            let candidates = candidates.filter_map(|(wish, tutor, from, length, pause, cost)| {
                let people = (tutor, students[wish]);
                let time = (from, length, pause);
                let quarters = u32::try_from(length).expect("short");
                let limits = vec![(tutor, 1), (TUTORS + students[wish], quarters)];
                (tutor != students[wish]).then(|| candidate(wish, people, time, limits, cost))
            });
            Problem {
                wishes,
                limits: [limits, quotas].concat(),
                candidates: candidates.collect(),
            }
        },
    )
}

fn can_stand_together(problem: &Problem, chosen: &[usize]) -> bool {
    let chosen: Vec<&Candidate> = chosen.iter().map(|it| &problem.candidates[*it]).collect();
    let times = |it: &Candidate| [it.tutor, it.student];
    let clash = |one: &Candidate, other: &Candidate| {
        times(one).iter().any(|(person, span)| {
            let others = times(other);
            others
                .iter()
                .any(|(who, when)| who == person && when.overlaps(span))
        })
    };
    let apart = chosen.iter().enumerate().all(|(at, one)| {
        let others = &chosen[at + 1..];
        others
            .iter()
            .all(|other| !clash(one, other) && one.wish != other.wish)
    });
    let within = problem.limits.iter().enumerate().all(|(limit, most)| {
        let under = chosen.iter().flat_map(|it| &it.limits);
        let taken = under.filter(|it| it.0 == limit).map(|it| it.1);
        taken.sum::<u32>() <= *most
    });
    apart && within
}

/// How many of the wishes can be filled, and what that costs at least: by trying everything.
fn brute_force(problem: &Problem, wish: usize, chosen: &mut Vec<usize>) -> (usize, i64) {
    if wish == problem.wishes {
        let costs = chosen
            .iter()
            .map(|it| -i64::from(problem.candidates[*it].cost));
        return (chosen.len(), costs.sum());
    }
    let mut best = brute_force(problem, wish + 1, chosen);
    for place in 0..problem.candidates.len() {
        if problem.candidates[place].wish == wish {
            chosen.push(place);
            if can_stand_together(problem, chosen) {
                best = best.max(brute_force(problem, wish + 1, chosen));
            }
            chosen.pop();
        }
    }
    best
}

/// The candidates that were chosen, if each stands at its wish and the sums are right.
fn checked(problem: &Problem, found: &Matching) -> Vec<usize> {
    assert_eq!(found.chosen.len(), problem.wishes);
    for (wish, place) in found.chosen.iter().enumerate() {
        assert!(place.is_none_or(|place| problem.candidates[place].wish == wish));
    }
    let chosen: Vec<usize> = found.chosen.iter().flatten().copied().collect();
    assert_eq!(chosen.len(), found.filled as usize);
    let costs = chosen
        .iter()
        .map(|it| u64::from(problem.candidates[*it].cost));
    assert_eq!(costs.sum::<u64>(), found.cost);
    assert!(can_stand_together(problem, &chosen), "{found:?}");
    chosen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_small_problems_nothing_is_better(problem in problems(6, 20, 16)) {
        let found = solve(&problem, EFFORT, &|| false);
        checked(&problem, &found);
        let (filled, gained) = brute_force(&problem, 0, &mut Vec::new());
        prop_assert_eq!((found.filled as usize, -i64::try_from(found.cost).expect("little")), (filled, gained));
        prop_assert_eq!((found.most, found.least_cost), (found.filled, found.cost), "is proven");
    }

    #[test]
    fn whatever_the_effort_an_answer_stands_and_is_no_worse_than_first_come(
        problem in problems(25, 300, 40), effort in prop::sample::select(vec![0, 10, 1000, 300_000]),
    ) {
        let found = solve(&problem, effort, &|| false);
        checked(&problem, &found);
        let greedy = first_come(&problem);
        checked(&problem, &greedy);
        prop_assert!((greedy.filled, found.cost) <= (found.filled, greedy.cost));
        prop_assert!(found.filled <= found.most && found.least_cost <= found.cost);
        prop_assert_eq!(&solve(&problem, effort, &|| false), &found, "the same again");
    }

    #[test]
    fn bounds_hold(problem in problems(6, 20, 16), effort in 0_u64..3000) {
        let found = solve(&problem, effort, &|| false);
        let (filled, gained) = brute_force(&problem, 0, &mut Vec::new());
        prop_assert!(filled <= found.most as usize);
        prop_assert!((found.filled as usize) < filled || u64::try_from(-gained).expect("a cost") >= found.least_cost);
    }
}

#[test]
fn a_wish_moves_out_of_the_way_of_another() {
    let first_is_flexible = vec![
        candidate(0, (0, 2), (0, 4, 0), vec![], 0),
        candidate(0, (1, 2), (0, 4, 0), vec![], 5),
        candidate(1, (0, 3), (2, 4, 0), vec![], 0),
    ];
    let problem = Problem {
        wishes: 2,
        limits: vec![],
        candidates: first_is_flexible,
    };
    assert_eq!(first_come(&problem).filled, 1);
    let found = solve(&problem, EFFORT, &|| false);
    assert_eq!(found.chosen, [Some(1), Some(2)]);
    assert_eq!((found.most, found.cost, found.least_cost), (2, 5, 5));
}

#[test]
fn who_is_told_to_stop_answers_with_what_there_is() {
    let candidates = (0..400).map(|it| candidate(it % 20, (0, 1 + it % 20), (7, 4, 1), vec![], 0));
    let problem = Problem {
        wishes: 20,
        limits: vec![],
        candidates: candidates.collect(),
    };
    let found = solve(&problem, u64::MAX, &|| true);
    assert_eq!(found.filled, 1);
}
