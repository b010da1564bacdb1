//! Holidays from iCalendar files.

use super::{TUESDAY, World, holiday};
use serde_json::{Value, json};

/// A file with these events, each its lines; with a UID of its own where it names none.
pub fn file(events: &[&str]) -> String {
    let mut file = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example.org//EN\r\n".to_owned();
    for (at, event) in events.iter().enumerate() {
        let lines = event.replace('\n', "\r\n");
        let uid = format!("UID:{at}@example.org\r\n");
        let uid = if event.starts_with("UID:") { "" } else { &uid };
        file.extend([
            "BEGIN:VEVENT\r\n",
            uid,
            "DTSTAMP:20260101T000000Z\r\n",
            &lines,
            "\r\nEND:VEVENT\r\n",
        ]);
    }
    file + "END:VCALENDAR\r\n"
}

/// What schools and countries publish: folded lines, escapes, alarms, a zone, repetitions with exceptions, and events
/// that are cancelled or over.
const PUBLISHED: &str = "\u{feff}BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Ministry of Education//School holidays//DE
CALSCALE:GREGORIAN
METHOD:PUBLISH
X-WR-CALNAME:Ferien und Feiertage
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:easter-2027@example.org
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20270322
DTEND;VALUE=DATE:20270403
SUMMARY:Osterferien\\, Berlin und Brandenburg: zwölf Tage ohne Unterricht\\; auc
 h für alle
 \x20Abendkurse
CATEGORIES:School
TRANSP:TRANSPARENT
BEGIN:VALARM
ACTION:DISPLAY
TRIGGER:-P1D
DESCRIPTION:Soon
END:VALARM
END:VEVENT
BEGIN:VEVENT
UID:unity@example.org
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:19901003
RRULE:FREQ=YEARLY
EXDATE;VALUE=DATE:20281003
EXDATE;VALUE=DATE:20301003,20311003
SUMMARY:Tag der Deutschen Einheit
END:VEVENT
BEGIN:VEVENT
UID:prayer@example.org
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20201118
DURATION:P2D
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=3WE;UNTIL=20281231
SUMMARY:Third Wednesday of November\\, and the day after
END:VEVENT
BEGIN:VEVENT
UID:cancelled@example.org
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20270601
STATUS:CANCELLED
SUMMARY:Sports day
END:VEVENT
BEGIN:VEVENT
UID:over@example.org
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20261224
DTEND;VALUE=DATE:20270105
SUMMARY:Christmas break
END:VEVENT
BEGIN:VEVENT
UID:now@example.org
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20270220
DTEND;VALUE=DATE:20270303
SUMMARY:Winter break
END:VEVENT
END:VCALENDAR
";

#[tokio::test]
async fn a_published_file_is_imported_with_its_repetitions_written_out() {
    let world = World::new().await;
    let mut calendar = world.calendar("Berlin", true).await;
    world
        .holidays(
            &mut calendar,
            &[holiday("2027-03-08", "2027-03-08", "Replaced")],
        )
        .await;
    let crlf = PUBLISHED.replace('\n', "\r\n");
    let unity = |year: i32| {
        holiday(
            &format!("{year}-10-03"),
            &format!("{year}-10-03"),
            "Tag der Deutschen Einheit",
        )
    };
    let november = |first, last| {
        holiday(
            first,
            last,
            "Third Wednesday of November, and the day after",
        )
    };
    let easter =
        "Osterferien, Berlin und Brandenburg: zwölf Tage ohne Unterricht; auch für alle Abendkurse";
    let expected = json!([
        holiday("2027-02-20", "2027-03-02", "Winter break"),
        holiday("2027-03-22", "2027-04-02", easter),
        unity(2027),
        november("2027-11-17", "2027-11-18"),
        november("2028-11-15", "2028-11-16"),
        unity(2029),
    ]);
    for text in [PUBLISHED, &crlf] {
        let imported = world.import(&calendar, "", text).await;
        assert_eq!(imported.status, 200, "{:#}", imported.body);
        calendar.etag = imported.etag();
        assert_eq!(imported.expect(200)["items"], expected);
        let read = world.sam.get(&format!("{}/holidays", calendar.path)).await;
        assert_eq!(
            (read.etag(), read.expect(200)["items"].clone()),
            (calendar.etag.clone(), expected.clone())
        );
    }
    world.closed(TUESDAY, &["holiday"]).await;
    world.open("2027-03-08T09:00:00Z").await;
    world.closed("2027-03-22T09:00:00Z", &["holiday"]).await;
}

#[tokio::test]
async fn a_daily_rule_that_began_long_ago_is_written_out_from_today_on() {
    let world = World::new().await;
    let calendar = world.calendar("Closed", false).await;
    let daily = file(&["DTSTART;VALUE=DATE:19700101\nRRULE:FREQ=DAILY"]);
    let imported = world.import(&calendar, "", &daily).await.expect(200);
    let items = imported["items"].as_array().unwrap();
    assert!((1820..1830).contains(&items.len()), "{}", items.len());
    assert_eq!(items[0]["first_date"], "2027-02-28");
}

#[tokio::test]
async fn a_rule_that_never_comes_true_makes_no_holiday() {
    let world = World::new().await;
    let calendar = world.calendar("Never", false).await;
    let rule = "DTSTART;VALUE=DATE:19700101\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30";
    let imported = world.import(&calendar, "", &file(&[rule])).await;
    assert_eq!(imported.expect(200)["items"], json!([]));
}

/// What the events of a series say of themselves and of one another, and which days are holidays then.
fn series() -> Vec<(String, Vec<Value>)> {
    let days = |dates: &[&str]| dates.iter().map(|date| day(date)).collect::<Vec<_>>();
    let monthly = "UID:m\nDTSTART;VALUE=DATE:20270405\nRRULE:FREQ=WEEKLY;COUNT=3";
    vec![
        (
            file(&["DTSTART;VALUE=DATE:20270405\nDURATION:P2W"]),
            vec![holiday("2027-04-05", "2027-04-18", "Holiday")],
        ),
        (
            file(&["DTSTART;VALUE=DATE:20270405\nDURATION:+P3D\nRRULE:FREQ=WEEKLY;COUNT=2"]),
            vec![
                holiday("2027-04-05", "2027-04-07", "Holiday"),
                holiday("2027-04-12", "2027-04-14", "Holiday"),
            ],
        ),
        (
            file(&[
                "DTSTART;VALUE=DATE:20270405\nRDATE;VALUE=DATE:20270501,20270503\nRDATE;VALUE=DATE:20270601",
            ]),
            days(&["2027-04-05", "2027-05-01", "2027-05-03", "2027-06-01"]),
        ),
        (
            file(&[
                "DTSTART;VALUE=DATE:20270405\nRRULE:FREQ=WEEKLY;COUNT=2\nRDATE;VALUE=DATE:20270412,20270501",
            ]),
            days(&["2027-04-05", "2027-04-12", "2027-05-01"]),
        ),
        (
            file(&[
                "DTSTART;VALUE=DATE:20270405\nRDATE;VALUE=DATE:20270501,20270503\nEXDATE;VALUE=DATE:20270405,20270501",
            ]),
            days(&["2027-05-03"]),
        ),
        // RFC 5545 section 3.8.5.3: DTSTART is an occurrence, even of a rule that it does not follow.
        (
            file(&["DTSTART;VALUE=DATE:20270406\nRRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20270419"]),
            days(&["2027-04-06", "2027-04-12", "2027-04-19"]),
        ),
        (
            file(&[
                monthly,
                "UID:m\nRECURRENCE-ID;VALUE=DATE:20270412\nDTSTART;VALUE=DATE:20270414\nSUMMARY:Moved",
            ]),
            vec![
                day("2027-04-05"),
                holiday("2027-04-14", "2027-04-14", "Moved"),
                day("2027-04-19"),
            ],
        ),
        (
            file(&[
                "UID:m\nRECURRENCE-ID;VALUE=DATE:20270419\nDTSTART;VALUE=DATE:20270419\nSTATUS:CANCELLED",
                monthly,
            ]),
            days(&["2027-04-05", "2027-04-12"]),
        ),
        (
            file(&[
                monthly,
                "UID:another\nRECURRENCE-ID;VALUE=DATE:20270412\nDTSTART;VALUE=DATE:20270414",
            ]),
            days(&["2027-04-05", "2027-04-12", "2027-04-14", "2027-04-19"]),
        ),
        // Five years from today on, however long each occurrence lasts.
        (
            file(&["DTSTART;VALUE=DATE:20201201\nDURATION:P90D\nRRULE:FREQ=YEARLY"]),
            (2026..=2031)
                .map(|year| (format!("{year}-12-01"), format!("{}-02-28", year + 1)))
                .map(|(first, last)| holiday(&first, &last, "Holiday"))
                .collect(),
        ),
        // An occurrence that is over, and is moved to a day to come.
        (
            file(&[
                "UID:m\nDTSTART;VALUE=DATE:20270201\nRRULE:FREQ=MONTHLY;COUNT=2",
                "UID:m\nRECURRENCE-ID;VALUE=DATE:20270201\nDTSTART;VALUE=DATE:20270405",
            ]),
            days(&["2027-03-01", "2027-04-05"]),
        ),
    ]
}

fn day(date: &str) -> Value {
    holiday(date, date, "Holiday")
}

#[tokio::test]
async fn an_event_is_on_the_days_that_its_series_says() {
    let world = World::new().await;
    let calendar = world.calendar("Berlin", true).await;
    let mut misread = Vec::new();
    for (text, expected) in series() {
        let read = world.import(&calendar, "?dry_run=true", &text).await.body;
        if read["items"] != json!(expected) {
            misread.push(format!("{text}{read:#}"));
        }
    }
    assert!(misread.is_empty(), "{}", misread.join("\n"));
}
