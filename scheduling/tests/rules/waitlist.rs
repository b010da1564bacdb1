//! Who comes next of those who wait.

use chrono::{DateTime, TimeDelta, Utc};
use scheduling::waitlist::{After, Ending, MOST_TURNED_DOWN, Waiting, after, in_turn};

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

#[test]
fn whoever_has_turned_down_too_many_offers_waits_no_longer() {
    use After::{GivesUp, WaitsBehindAll};
    for ending in [Ending::Declined, Ending::Lapsed] {
        let fates: Vec<_> = (0..4).map(|before| after(before, ending)).collect();
        assert_eq!(fates, [WaitsBehindAll, WaitsBehindAll, GivesUp, GivesUp]);
    }
    for before in 0..MOST_TURNED_DOWN {
        assert_eq!(after(before, Ending::Accepted), After::Served);
        assert_eq!(after(before, Ending::Refused), After::KeepsPlace);
    }
}

#[test]
fn offers_go_by_place_and_not_to_those_who_rest() {
    let one = |who, place, rests_until| Waiting {
        who,
        place,
        rests_until,
    };
    let waiting = vec![
        one('c', 7, None),
        one('a', 2, Some(at(10))),
        one('b', 3, Some(at(9))),
    ];
    assert_eq!(in_turn(waiting.clone(), at(8)), ['c']);
    assert_eq!(in_turn(waiting.clone(), at(9)), ['b', 'c']);
    assert_eq!(in_turn(waiting, at(10)), ['a', 'b', 'c']);
}

/// Some people who wait for one seat that is offered again and again, minute by minute.
struct Queue {
    waiting: Vec<Waiting<usize>>,
    turned_down: Vec<i16>,
    next_place: i64,
}

impl Queue {
    fn new(people: usize) -> Self {
        let waiting = (0..people).zip(0..).map(|(who, place)| Waiting {
            who,
            place,
            rests_until: None,
        });
        Self {
            waiting: waiting.collect(),
            turned_down: vec![0; people],
            next_place: 1000,
        }
    }

    /// Offers the seat; to whom.
    fn offer(&mut self, minute: i64, ending: Ending) -> Option<usize> {
        let who = *in_turn(self.waiting.clone(), at(minute)).first()?;
        self.waiting.retain(|one| one.who != who);
        if after(self.turned_down[who], ending) == After::WaitsBehindAll {
            self.turned_down[who] += 1;
            self.waiting.push(Waiting {
                who,
                place: self.next_place,
                rests_until: Some(at(minute + 1)),
            });
            self.next_place += 1;
        }
        Some(who)
    }
}

/// All that can happen to three people in nine offers.
#[test]
fn nobody_is_offered_a_second_time_before_all_who_waited_were_offered_once() {
    for case in 0..3_u32.pow(9) {
        let mut queue = Queue::new(3);
        let mut offers = Vec::new();
        for minute in 0..9 {
            let endings = [Ending::Accepted, Ending::Declined, Ending::Lapsed];
            let ending = endings[(case / 3_u32.pow(minute) % 3) as usize];
            offers.extend(queue.offer(minute.into(), ending));
        }
        assert_eq!(&offers[..3], [0, 1, 2], "case {case}");
        for (place, who) in offers.iter().enumerate() {
            let again = offers[place + 1..].iter().position(|other| other == who);
            let between = again.map(|steps| &offers[place + 1..=place + steps]);
            let left: Vec<_> = (0..3).filter(|it| offers[place..].contains(it)).collect();
            assert!(between.is_none_or(|between| {
                left.iter()
                    .all(|other| other == who || between.contains(other))
            }));
        }
        for who in 0..3 {
            let times = offers.iter().filter(|it| **it == who).count();
            assert!((1..=3).contains(&times), "case {case}: {who} {times}");
        }
    }
}
