//! The algebra of spans against sets of whole seconds.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use scheduling::interval::{Span, intersect, subtract, union};

use crate::support::{span, utc};

type Seconds = BTreeSet<i64>;

fn seconds(spans: &[Span]) -> Seconds {
    spans
        .iter()
        .flat_map(|span| span.start().timestamp()..span.end().timestamp())
        .collect()
}

/// Sorted, neither overlapping nor touching.
fn is_tidy(spans: &[Span]) -> bool {
    spans.windows(2).all(|pair| pair[0].end() < pair[1].start())
}

fn some_spans() -> impl Strategy<Value = Vec<Span>> {
    let some_span = (0_i64..60, 1_i64..12).prop_map(|(start, length)| {
        let start = DateTime::UNIX_EPOCH + TimeDelta::seconds(start);
        Span::lasting(start, TimeDelta::seconds(length)).expect("a span")
    });
    prop::collection::vec(some_span, 0..9)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn union_has_all_and_is_tidy(spans in some_spans()) {
        let expected = seconds(&spans);
        let all = union(spans);
        prop_assert!(is_tidy(&all), "{:?}", all);
        prop_assert_eq!(seconds(&all), expected);
    }

    #[test]
    fn subtract_is_set_difference(from in some_spans(), minus in some_spans()) {
        let (from, minus) = (union(from), union(minus));
        let left = subtract(&from, &minus);
        let expected: Seconds = &seconds(&from) - &seconds(&minus);
        prop_assert!(is_tidy(&left), "{:?}", left);
        prop_assert_eq!(seconds(&left), expected);
    }

    #[test]
    fn intersect_is_set_intersection(a in some_spans(), b in some_spans()) {
        let (a, b) = (union(a), union(b));
        let both = intersect(&a, &b);
        let expected: Seconds = &seconds(&a) & &seconds(&b);
        prop_assert!(is_tidy(&both), "{:?}", both);
        prop_assert_eq!(seconds(&both), expected);
    }

    #[test]
    fn two_spans_agree_with_their_seconds(a in some_spans(), b in some_spans()) {
        for (a, b) in a.iter().zip(&b) {
            let (in_a, in_b) = (seconds(&[*a]), seconds(&[*b]));
            prop_assert_eq!(a.overlaps(b), !in_a.is_disjoint(&in_b));
            prop_assert_eq!(a.contains(b), in_a.is_superset(&in_b));
            let common: Vec<Span> = a.intersect(b).into_iter().collect();
            prop_assert_eq!(seconds(&common), &in_a & &in_b);
            prop_assert_eq!(a.duration().num_seconds(), i64::try_from(in_a.len()).expect("few"));
        }
    }
}

#[test]
fn a_span_is_never_empty() {
    let (early, late) = (utc("2026-06-01 10:00"), utc("2026-06-01 11:00"));
    assert!(Span::new(early, late).is_some());
    assert_eq!(Span::new(early, early), None);
    assert_eq!(Span::new(late, early), None);
    assert_eq!(Span::lasting(early, TimeDelta::zero()), None);
    assert_eq!(Span::lasting(early, TimeDelta::MAX), None);
}

#[test]
fn spans_that_only_touch_do_not_overlap() {
    let one = span("2026-06-01 10:00", "2026-06-01 11:00");
    let next = span("2026-06-01 11:00", "2026-06-01 12:00");
    assert!(!one.overlaps(&next) && !next.overlaps(&one));
}
