//! What becomes of a lesson whose event says something else: by example, and for any event and policy.

use crate::support::utc;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::{prelude::*, sample::select};
use scheduling::{
    cancellation::Consequence,
    drift::{
        Declined, Deleted, Grace, Moved, Policy, Shown, Verdict, Why, gives_back, of_event,
        of_grace,
    },
    interval::Span,
    policy::LONGEST_LESSON,
};

fn usual() -> Policy {
    Policy {
        moved: Moved::Reschedule,
        deleted: Deleted::Cancel,
        grace: TimeDelta::hours(1),
        declined: Declined::Cancel,
    }
}

fn hour_from(start: DateTime<Utc>) -> Span {
    Span::lasting(start, TimeDelta::hours(1)).expect("an hour")
}

fn shown(span: Span) -> Shown {
    Shown::At(span.start(), span.end())
}

#[test]
fn each_reason_not_to_follow_an_event_has_a_name_of_its_own() {
    let mut codes = Why::ALL.map(Why::code).to_vec();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Why::ALL.len());
}

#[test]
fn an_event_is_followed_to_a_time_that_a_lesson_can_have() {
    let (now, lesson) = (utc("2026-06-10 08:00"), hour_from(utc("2026-06-10 10:00")));
    let verdict = |shown| of_event((lesson, true), shown, &usual(), now);
    let later = hour_from(utc("2026-06-11 10:00"));
    assert_eq!(verdict(shown(lesson)), Verdict::Nothing);
    assert_eq!(verdict(shown(later)), Verdict::Reschedule(later));
    assert_eq!(verdict(Shown::Days), Verdict::PutBack(Why::AllDay));
    for (start, end, why) in [
        ("2026-06-11 10:00", "2026-06-11 10:30", Why::OtherLength),
        ("2026-06-10 10:00", "2026-06-10 11:30", Why::OtherLength),
        ("2026-06-11 10:00", "2026-06-11 10:00", Why::OtherLength),
        ("2026-06-11 10:00", "2026-06-11 09:00", Why::OtherLength),
        ("2026-06-10 08:00", "2026-06-10 09:00", Why::NotAhead),
        ("2026-06-09 10:00", "2026-06-09 11:00", Why::NotAhead),
    ] {
        let shown = Shown::At(utc(start), utc(end));
        assert_eq!(verdict(shown), Verdict::PutBack(why), "{start} {end}");
    }
    let of_any_length = |end: &str| {
        let shown = Shown::At(utc("2026-06-11 10:00"), utc(end));
        of_event((lesson, false), shown, &usual(), now)
    };
    let to = Span::new(utc("2026-06-11 10:00"), utc("2026-06-11 18:00")).expect("eight hours");
    assert_eq!(of_any_length("2026-06-11 18:00"), Verdict::Reschedule(to));
    for end in ["2026-06-11 18:01", "2026-06-11 10:00"] {
        let why = Verdict::PutBack(Why::OtherLength);
        assert_eq!(of_any_length(end), why, "{end}");
    }
    let odd = hour_from(utc("2026-06-11 10:00") + TimeDelta::seconds(1));
    let why = Verdict::PutBack(Why::NotWholeMinutes);
    assert_eq!(verdict(shown(odd)), why);
}

#[test]
fn a_deletion_can_be_undone_for_an_hour_and_for_half_of_what_is_left_at_the_longest() {
    let lesson = hour_from(utc("2026-06-10 10:00"));
    for (now, until) in [
        ("2026-06-01 10:00", "2026-06-01 11:00"),
        ("2026-06-10 08:00", "2026-06-10 09:00"),
        ("2026-06-10 09:00", "2026-06-10 09:30"),
        ("2026-06-10 09:58", "2026-06-10 09:59"),
    ] {
        let verdict = of_event((lesson, true), Shown::Nothing, &usual(), utc(now));
        assert_eq!(verdict, Verdict::CancelAt(utc(until)), "{now}");
    }
}

#[test]
fn only_what_is_free_is_given_back_unasked() {
    for consequence in Consequence::ALL {
        let is_free = consequence == Consequence::Free;
        assert_eq!(gives_back(Declined::Cancel, consequence), is_free);
        assert!(!gives_back(Declined::Ask, consequence));
    }
}

fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    (0_i64..3 * 24 * 3600).prop_map(|s| utc("2026-06-10 00:00") + TimeDelta::seconds(s))
}

fn any_shown() -> impl Strategy<Value = Shown> {
    prop_oneof![
        (instant(), instant()).prop_map(|(start, end)| Shown::At(start, end)),
        instant().prop_map(|start| shown(hour_from(start))),
        Just(Shown::Days),
        Just(Shown::Nothing),
    ]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let moved = select(vec![Moved::Reschedule, Moved::PutBack]);
    let deleted = select(vec![Deleted::Cancel, Deleted::PutBack]);
    let declined = select(vec![Declined::Cancel, Declined::Ask]);
    (moved, deleted, declined, 0_i64..=1440).prop_map(|(moved, deleted, declined, minutes)| {
        Policy {
            moved,
            deleted,
            grace: TimeDelta::minutes(minutes),
            declined,
        }
    })
}

proptest! {
    #[test]
    fn whatever_an_event_shows_its_lesson_ends_up_in_order(
        start in instant(), shown in any_shown(), policy in any_policy(), now in instant(), keeps_length in any::<bool>(),
    ) {
        let lesson = hour_from(start);
        match of_event((lesson, keeps_length), shown, &policy, now) {
            Verdict::Nothing => {
                prop_assert!(start <= now || shown == Shown::At(lesson.start(), lesson.end()));
            }
            Verdict::Reschedule(to) => {
                prop_assert_eq!(shown, Shown::At(to.start(), to.end()));
                prop_assert!(to.duration() == lesson.duration() || !keeps_length && to.duration() <= LONGEST_LESSON);
                prop_assert!(to.start() > now && to != lesson);
                prop_assert_eq!(policy.moved, Moved::Reschedule);
            }
            Verdict::PutBack(why) => {
                let wanted = match shown {
                    Shown::Nothing => policy.deleted == Deleted::PutBack,
                    _ => policy.moved == Moved::PutBack,
                };
                prop_assert_eq!(why == Why::Policy, wanted);
            }
            // Only of what is gone, in time for the students, and not before it can be undone.
            Verdict::CancelAt(at) => {
                prop_assert_eq!(shown, Shown::Nothing);
                prop_assert_eq!(policy.deleted, Deleted::Cancel);
                prop_assert!(now <= at && at < start && at <= now + policy.grace);
            }
        }
    }

    #[test]
    fn a_lesson_is_cancelled_after_the_grace_and_only_while_its_event_is_gone(
        start in instant(), shown in any_shown(), ends_at in instant(), now in instant(),
    ) {
        match of_grace(hour_from(start), shown, ends_at, now) {
            Grace::Over => prop_assert!(shown == Shown::Nothing && ends_at <= now && now < start),
            Grace::Wait(until) => {
                prop_assert_eq!(until, ends_at);
                prop_assert!(shown == Shown::Nothing && now < ends_at && now < start);
            }
            // Of the last hour before a lesson whoever looks late takes nothing.
            Grace::TooLate => {
                prop_assert!(shown == Shown::Nothing && now < start);
                prop_assert!(ends_at + TimeDelta::minutes(15) < now && start - now < TimeDelta::hours(1));
            }
            Grace::Back => prop_assert!(shown != Shown::Nothing && now < start),
            Grace::Lapsed => prop_assert!(start <= now),
        }
    }
}
