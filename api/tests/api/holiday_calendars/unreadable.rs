//! iCalendar files that are refused.

use super::{World, holiday, import::file};
use serde_json::json;

const MAY_DAY: &str = "DTSTART;VALUE=DATE:20270501\nSUMMARY:May Day";

/// A file, and the field and the code of what is wrong with it.
type Unreadable = (String, &'static str, &'static str);

fn contradictory_events() -> Vec<Unreadable> {
    let with = |lines: &str, code| {
        let event = format!("DTSTART;VALUE=DATE:20270501\n{lines}");
        (file(&[MAY_DAY, &event]), "events[1]", code)
    };
    vec![
        with("DTEND;VALUE=DATE:20270430", "not_after_start"),
        with("DTEND;VALUE=DATE:20270501", "not_after_start"),
        with("DURATION:P0D", "not_after_start"),
        with(
            "DTEND;VALUE=DATE:20270502\nDURATION:P1D",
            "end_and_duration",
        ),
        with("DTEND;VALUE=DATE:tomorrow", "not_all_day"),
        with("DTEND:20270502T000000Z", "not_all_day"),
        with("DURATION:PT36H", "not_all_day"),
        with("DURATION:P1DT12H", "not_all_day"),
        with("DURATION:P1W2D", "not_all_day"),
        with("DURATION:-P1D", "not_all_day"),
        with("DURATION:P+1D", "not_all_day"),
        with("DURATION:PD", "not_all_day"),
        with("DURATION:ä", "not_all_day"),
        with("DURATION:P4294967295W", "out_of_range"),
        with("DURATION:P99999999999W", "not_all_day"),
        with("DURATION:P90000D", "out_of_range"),
        with(
            "DTEND;VALUE=DATE:21990101\nRRULE:FREQ=YEARLY",
            "out_of_range",
        ),
        with("RDATE:20270502T100000Z", "not_all_day"),
        with("RDATE;VALUE=PERIOD:20270502T100000Z/PT1H", "not_all_day"),
        with("RDATE;VALUE=DATE:20270502,", "not_all_day"),
        with("RDATE;VALUE=DATE:99991231", "out_of_range"),
        with("EXDATE:20270501T100000Z", "not_all_day"),
        with("RECURRENCE-ID:20270501T100000Z", "not_all_day"),
        with(
            "RECURRENCE-ID:20270501T100000Z\nSTATUS:CANCELLED",
            "not_all_day",
        ),
        with(
            "RECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20270501",
            "this_and_future",
        ),
        with(
            "RECURRENCE-ID;VALUE=DATE:20270501\nRRULE:FREQ=DAILY",
            "unreadable_rule",
        ),
        with(
            "RECURRENCE-ID;VALUE=DATE:20270501\nRDATE;VALUE=DATE:20270502",
            "unreadable_rule",
        ),
    ]
}

fn unreadable_events() -> Vec<Unreadable> {
    vec![
        (
            file(&[MAY_DAY, "DTSTART:20270501T100000Z"]),
            "events[1]",
            "not_all_day",
        ),
        (
            file(&[MAY_DAY, "DTSTART;TZID=Europe/Berlin:20270501T100000"]),
            "events[1]",
            "not_all_day",
        ),
        (file(&["SUMMARY:Never"]), "events[0]", "missing"),
        (
            file(&["DTSTART;VALUE=DATE:00010101"]),
            "events[0]",
            "out_of_range",
        ),
        (
            file(&["DTSTART;VALUE=DATE:99991231\nRRULE:FREQ=YEARLY"]),
            "events[0]",
            "out_of_range",
        ),
        (
            file(&["DTSTART;VALUE=DATE:20270501\nDTEND;VALUE=DATE:99991231"]),
            "events[0]",
            "out_of_range",
        ),
        (
            file(&["DTSTART;VALUE=DATE:20270501\nRRULE:FREQ=SOMETIMES"]),
            "events[0]",
            "unreadable_rule",
        ),
        (
            file(&["DTSTART;VALUE=DATE:20270501\nRRULE:FREQ=SECONDLY"]),
            "events[0]",
            "unreadable_rule",
        ),
        (
            file(&["DTSTART;VALUE=DATE:20270501\nRRULE:freq=daily;byhour=1,2,3"]),
            "events[0]",
            "unreadable_rule",
        ),
        (
            file(&["DTSTART;VALUE=DATE:20270501\nRRULE:"]),
            "events[0]",
            "unreadable_rule",
        ),
        (
            file(&["DTSTART;VALUE=DATE:20270501\nRRULE:FREQ=DAILY;UNTIL=ä"]),
            "events[0]",
            "unreadable_rule",
        ),
    ]
}

fn unreadable_files() -> Vec<Unreadable> {
    let long: Vec<_> = (0..2001).map(|at| format!("{MAY_DAY} {at}")).collect();
    let long: Vec<_> = long.iter().map(String::as_str).collect();
    let rules = vec!["DTSTART;VALUE=DATE:20270501\nRRULE:FREQ=DAILY;COUNT=1"; 101];
    vec![
        (file(&long), "", "too_many"),
        (
            file(&[
                "DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=DAILY",
                "DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=DAILY\nSUMMARY:B",
            ]),
            "",
            "too_many",
        ),
        (file(&rules), "", "too_many"),
        (String::new(), "", "not_a_calendar"),
        ("nonsense".to_owned(), "", "not_a_calendar"),
        (
            "BEGIN:VEVENT\r\nEND:VEVENT\r\n".to_owned(),
            "",
            "not_a_calendar",
        ),
        (
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n".to_owned(),
            "",
            "not_a_calendar",
        ),
        ("BEGIN:VCALENDAR\r\n".to_owned(), "", "not_a_calendar"),
        (
            format!("BEGIN:VCALENDAR\n{}", "BEGIN:A\n".repeat(100_000)),
            "",
            "not_a_calendar",
        ),
        (
            format!("BEGIN:VCALENDAR\n{}", "BEG\n IN:A\n".repeat(100_000)),
            "",
            "not_a_calendar",
        ),
    ]
}

#[tokio::test]
async fn a_file_that_can_not_be_read_names_its_event_and_changes_nothing() {
    let world = World::new().await;
    let mut calendar = world.calendar("Berlin", true).await;
    let kept = [holiday("2027-03-02", "2027-03-02", "Carnival")];
    world.holidays(&mut calendar, &kept).await;
    let mut misread = Vec::new();
    for (text, field, code) in unreadable_events()
        .into_iter()
        .chain(contradictory_events())
        .chain(unreadable_files())
    {
        let answer = world.import(&calendar, "", &text).await.body;
        let error = &answer["errors"][0];
        if answer["code"] != "invalid_fields" || error["field"] != field || error["code"] != code {
            misread.push(format!("{field} {code}: {text:.300} {answer}"));
        }
    }
    assert!(misread.is_empty(), "{}", misread.join("\n"));
    let huge = format!("{}{}", file(&[MAY_DAY]), " ".repeat(1024 * 1024));
    let refused = world.import(&calendar, "", &huge).await;
    let refused = refused.expect_problem(413, "body_too_large");
    assert!(
        refused["detail"].as_str().unwrap().contains("1024 KiB"),
        "{refused:#}"
    );
    let read = world.sam.get(&format!("{}/holidays", calendar.path)).await;
    assert_eq!(
        (read.etag(), read.expect(200)["items"].clone()),
        (calendar.etag, json!(kept))
    );
}
