//! Holidays: of the whole centre, and of tutors who follow a calendar.

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre,
    lesson::book,
    opening::{assert_closed, assert_open, explain},
};
use api::database;
use futures::future::join;
use reqwest::{Method, header};
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};

const CALENDARS: &str = "/v1/holiday-calendars";

struct World {
    test: TestApp,
    admin: Person,
    tutor: TutorAtCentre,
    sam: Person,
}

/// A calendar, and its version.
struct Calendar {
    path: String,
    id: Value,
    etag: String,
}

fn holiday(first: &str, last: &str, name: &str) -> Value {
    json!({"first_date": first, "last_date": last, "name": name})
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let admin = test.admin("Ada").await;
        let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
        let sam = test.student("Sam").await;
        Self {
            test,
            admin,
            tutor,
            sam,
        }
    }

    async fn calendar(&self, name: &str, centre_wide: bool) -> Calendar {
        let new = json!({"name": name, "centre_wide": centre_wide});
        let made = self.admin.post(CALENDARS, &new).await;
        let path = made.headers[header::LOCATION].to_str().unwrap().to_owned();
        let etag = made.etag();
        let made = made.expect(201);
        assert_eq!(
            (&made["name"], &made["centre_wide"]),
            (&new["name"], &new["centre_wide"])
        );
        Calendar {
            path,
            id: made["id"].clone(),
            etag,
        }
    }

    /// Replaces the holidays; all of them afterwards.
    async fn holidays(&self, calendar: &mut Calendar, holidays: &[Value]) -> Value {
        let path = format!("{}/holidays", calendar.path);
        let body = json!({"holidays": holidays});
        let put = self
            .admin
            .edit(Method::PUT, &path, &calendar.etag, &body)
            .await;
        calendar.etag = put.etag();
        put.expect(200)["items"].clone()
    }

    async fn import(&self, calendar: &Calendar, query: &str, file: &str) -> Answer {
        let path = format!("{}/import{query}", calendar.path);
        let request = self.admin.request(Method::POST, &path);
        let request = request.header(header::CONTENT_TYPE, "text/calendar; charset=utf-8");
        let request = request.header(header::IF_MATCH, &calendar.etag);
        self.admin.send(request.body(file.to_owned())).await
    }

    async fn open(&self, start: &str) {
        assert_open(&self.sam, &self.tutor, start).await;
    }

    async fn closed(&self, start: &str, reasons: &[&str]) {
        assert_closed(&self.sam, &self.tutor, start, reasons).await;
    }
}

const TUESDAY: &str = "2027-03-02T09:00:00Z";

#[tokio::test]
async fn a_holiday_of_the_centre_closes_it_for_everybody_but_whoever_has_an_override() {
    let world = World::new().await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    let booking = book(&world.sam, &world.tutor, "2027-03-02T15:00:00Z").await;
    let mut calendar = world.calendar("Berlin", true).await;
    world
        .holidays(
            &mut calendar,
            &[holiday("2027-03-02", "2027-03-03", "Carnival")],
        )
        .await;
    world.closed(TUESDAY, &["holiday"]).await;
    world.closed("2027-03-03T15:00:00Z", &["holiday"]).await;
    world.open("2027-03-04T08:00:00Z").await;
    assert_closed(&world.sam, &theo, TUESDAY, &["holiday"]).await;
    // Everybody may know when holidays are.
    let told = explain(&world.sam, &theo, TUESDAY).await;
    let reason =
        json!({"code": "holiday", "start": "2027-03-01T23:00:00Z", "end": "2027-03-03T23:00:00Z"});
    assert_eq!(told["reasons"], json!([reason]));
    assert_eq!(
        world.sam.get(&booking).await.expect(200)["status"],
        "confirmed"
    );

    world
        .tutor
        .put_override("2027-03-02", &["09:00-12:00"])
        .await
        .expect(200);
    world.open(TUESDAY).await;
    world
        .closed("2027-03-02T12:00:00Z", &["override_closed"])
        .await;
    world.closed("2027-03-03T09:00:00Z", &["holiday"]).await;
    let off = json!({"first_date": "2027-03-02", "last_date": "2027-03-02"});
    world
        .tutor
        .person
        .post(&world.tutor.path("/time-off"), &off)
        .await
        .expect(201);
    world.closed(TUESDAY, &["time_off"]).await;
}

#[tokio::test]
async fn a_calendar_that_is_not_of_the_centre_closes_for_those_who_follow_it() {
    let world = World::new().await;
    let mut calendar = world.calendar("Ramadan", false).await;
    world
        .holidays(&mut calendar, &[holiday("2027-03-02", "2027-03-02", "Eid")])
        .await;
    world.open(TUESDAY).await;
    let follow = json!({"calendar_ids": [calendar.id]});
    let followed = world
        .tutor
        .edit(Method::PUT, "/holiday-calendars", &follow)
        .await;
    assert_eq!(followed.expect(200), follow);
    world.closed(TUESDAY, &["holiday"]).await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    assert_open(&world.sam, &theo, TUESDAY).await;
    assert_eq!(
        world
            .sam
            .get(&world.tutor.path("/holiday-calendars"))
            .await
            .expect(200),
        follow
    );

    // What is deleted is followed by nobody.
    let request = world.admin.request(Method::DELETE, &calendar.path);
    let request = request.header(header::IF_MATCH, &calendar.etag);
    assert_eq!(world.admin.send(request).await.status, 204);
    world.open(TUESDAY).await;
    let none = world.sam.get(&world.tutor.path("/holiday-calendars")).await;
    assert_eq!(none.expect(200), json!({"calendar_ids": []}));
    world
        .admin
        .get(&calendar.path)
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_calendar_becomes_the_centres_by_an_edit() {
    let world = World::new().await;
    let mut calendar = world.calendar("Breaks", false).await;
    world
        .holidays(
            &mut calendar,
            &[holiday("2027-03-02", "2027-03-02", "Break")],
        )
        .await;
    world.open(TUESDAY).await;
    let change = json!({"centre_wide": true});
    let edited = world
        .admin
        .edit(Method::PATCH, &calendar.path, &calendar.etag, &change)
        .await;
    let etag = edited.etag();
    assert_eq!(edited.expect(200)["name"], "Breaks");
    world.closed(TUESDAY, &["holiday"]).await;
    let back = json!({"name": "Pauses", "centre_wide": false});
    let edited = world
        .admin
        .edit(Method::PATCH, &calendar.path, &etag, &back)
        .await;
    assert_eq!(edited.expect(200)["name"], "Pauses");
    world.open(TUESDAY).await;
    let stale = world
        .admin
        .edit(Method::PATCH, &calendar.path, &etag, &back)
        .await;
    stale.expect_problem(412, "stale_etag");
}

#[tokio::test]
async fn calendars_are_listed_page_by_page_and_no_two_have_one_name() {
    let world = World::new().await;
    for name in ["Berlin", "Bavaria", "Hesse"] {
        world.calendar(name, false).await;
    }
    let names: Vec<_> = world.sam.pages_of_one(CALENDARS).await;
    let names: Vec<_> = names
        .iter()
        .map(|calendar| calendar["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Berlin", "Bavaria", "Hesse"]);
    let again = world
        .admin
        .post(CALENDARS, &json!({"name": "Hesse", "centre_wide": true}))
        .await;
    let again = again.expect_problem(422, "invalid_fields");
    assert_eq!(
        (&again["errors"][0]["field"], &again["errors"][0]["code"]),
        (&json!("name"), &json!("taken"))
    );
}

#[tokio::test]
async fn of_two_who_make_the_last_calendar_that_there_may_be_one_does() {
    let world = World::new().await;
    let insert = |names: &str| {
        format!(
            "INSERT INTO holiday_calendars (id, name, centre_wide, created_at) \
             SELECT gen_random_uuid(), name, true, now() FROM ({names}) AS names (name)"
        )
    };
    let others = insert("SELECT n::text FROM generate_series(1, 199) AS n");
    world.test.execute(&others).await;
    let create = async |name: &str| {
        let new = json!({"name": name, "centre_wide": true});
        world.admin.post(CALENDARS, &new).await
    };
    // Somebody who has the name, and is about to give it up, holds up the first of them in the middle.
    let elsewhere = database::connect(&world.test.app.config.database).await;
    let holder = elsewhere.unwrap().begin().await.unwrap();
    let held = insert("VALUES ('First')");
    holder.execute_unprepared(&held).await.unwrap();
    let first = create("First");
    let second = async {
        world.test.until_waiting_for_a_lock(1).await;
        let give_up = async {
            world.test.until_waiting_for_a_lock(2).await;
            holder.rollback().await.unwrap();
        };
        join(create("Second"), give_up).await.0
    };
    let (first, second) = join(first, second).await;
    first.expect(201);
    let refused = second.expect_problem(422, "invalid_fields");
    assert_eq!(refused["errors"][0]["code"], "too_many");
    let count = "SELECT count(*) FROM holiday_calendars";
    assert_eq!(world.test.count(count).await, 200);
}

#[tokio::test]
async fn who_edits_the_policy_is_not_disturbed_by_holidays() {
    let world = World::new().await;
    let centre = world.admin.get("/v1/centre/policy").await;
    let own = world.tutor.path("/policy");
    let of_tutor = world.tutor.person.get(&own).await.etag();
    let mut calendar = world.calendar("Berlin", true).await;
    world
        .holidays(&mut calendar, &[holiday("2027-03-02", "2027-03-02", "Eid")])
        .await;
    let renamed = json!({"name": "Hesse"});
    let renamed = world
        .admin
        .edit(Method::PATCH, &calendar.path, &calendar.etag, &renamed)
        .await;
    let request = world.admin.request(Method::DELETE, &calendar.path);
    let request = request.header(header::IF_MATCH, renamed.etag());
    assert_eq!(world.admin.send(request).await.status, 204);

    let etag = centre.etag();
    let policy = centre.expect(200);
    let edited = world
        .admin
        .edit(Method::PUT, "/v1/centre/policy", &etag, &policy)
        .await;
    edited.expect(200);
    let edited = world
        .tutor
        .person
        .edit(Method::PUT, &own, &of_tutor, &json!({}))
        .await;
    edited.expect(200);
}

#[tokio::test]
async fn a_repetition_with_its_key_makes_no_second_calendar() {
    let world = World::new().await;
    let body = json!({"name": "Berlin", "centre_wide": true});
    let make = async |body: &Value| {
        let request = world.admin.request(Method::POST, CALENDARS).json(body);
        world
            .admin
            .send(request.header("idempotency-key", "one"))
            .await
    };
    let first = make(&body).await;
    let again = make(&body).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(first.headers["location"], again.headers["location"]);
    assert_eq!(
        (first.etag(), first.expect(201)),
        (again.etag(), again.expect(201))
    );
    assert_eq!(
        world
            .test
            .count("SELECT count(*) FROM holiday_calendars")
            .await,
        1
    );
    let other = make(&json!({"name": "Hesse", "centre_wide": true})).await;
    let other = other.expect_problem(422, "invalid_fields");
    assert_eq!(other["errors"][0]["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn holidays_that_were_read_can_be_written_back_all_two_thousand() {
    let world = World::new().await;
    let mut calendar = world.calendar("Long", true).await;
    let all: Vec<_> = (0..2000)
        .map(|at| {
            holiday(
                "2027-06-01",
                "2027-06-02",
                &format!("{at:04} {}", "x".repeat(100)),
            )
        })
        .collect();
    let put = world.holidays(&mut calendar, &all).await;
    assert_eq!(put, json!(all));
    let path = format!("{}/holidays", calendar.path);
    let read = world.sam.get(&path).await;
    assert_eq!(
        (read.etag(), read.expect(200)["items"].clone()),
        (calendar.etag.clone(), put)
    );
    assert_eq!(world.holidays(&mut calendar, &[]).await, json!([]));
}

#[tokio::test]
async fn a_dry_run_changes_no_holiday_and_names_what_is_wrong() {
    let world = World::new().await;
    let mut calendar = world.calendar("Berlin", true).await;
    let kept = [holiday("2027-03-02", "2027-03-02", "Carnival")];
    world.holidays(&mut calendar, &kept).await;
    let path = format!("{}/holidays", calendar.path);
    let dry = format!("{path}?dry_run=true");
    let new = [holiday("2027-05-01", "2027-05-01", "May Day")];
    let tried = world
        .admin
        .edit(Method::PUT, &dry, &calendar.etag, &json!({"holidays": new}))
        .await;
    assert_eq!(tried.expect(200)["items"], json!(new));
    let twice = [new[0].clone(), kept[0].clone(), new[0].clone()];
    let refused = world
        .admin
        .edit(
            Method::PUT,
            &dry,
            &calendar.etag,
            &json!({"holidays": twice}),
        )
        .await;
    let refused = refused.expect_problem(422, "invalid_fields");
    assert_eq!(
        (
            &refused["errors"][0]["field"],
            &refused["errors"][0]["code"]
        ),
        (&json!("holidays[2]"), &json!("duplicate"))
    );
    let tried = world
        .import(
            &calendar,
            "?dry_run=true",
            &file(&["DTSTART;VALUE=DATE:20270501"]),
        )
        .await;
    assert_eq!(
        tried.expect(200)["items"],
        json!([holiday("2027-05-01", "2027-05-01", "Holiday")])
    );
    assert_eq!(world.sam.get(&path).await.expect(200)["items"], json!(kept));
    let follow = json!({"calendar_ids": [uuid::Uuid::nil()]});
    let followed = world
        .tutor
        .person
        .get(&world.tutor.path("/holiday-calendars"))
        .await
        .etag();
    let refused = world.tutor.path("/holiday-calendars?dry_run=true");
    let refused = world
        .tutor
        .person
        .edit(Method::PUT, &refused, &followed, &follow)
        .await;
    assert_eq!(
        refused.expect_problem(422, "invalid_fields")["errors"][0]["code"],
        "unknown_calendar"
    );
}

/// A file with these events, each its lines.
fn file(events: &[&str]) -> String {
    let mut file = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example.org//EN\r\n".to_owned();
    for (at, event) in events.iter().enumerate() {
        let lines = event.replace('\n', "\r\n");
        let stamp = format!("UID:{at}@example.org\r\nDTSTAMP:20260101T000000Z");
        file.extend([
            "BEGIN:VEVENT\r\n",
            &stamp,
            "\r\n",
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
DURATION:P1D
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=3WE;UNTIL=20281231
SUMMARY:Third Wednesday of November
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
    let november = |date: &str| holiday(date, date, "Third Wednesday of November");
    let easter =
        "Osterferien, Berlin und Brandenburg: zwölf Tage ohne Unterricht; auch für alle Abendkurse";
    let expected = json!([
        holiday("2027-02-20", "2027-03-02", "Winter break"),
        holiday("2027-03-22", "2027-04-02", easter),
        unity(2027),
        november("2027-11-17"),
        november("2028-11-15"),
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

const MAY_DAY: &str = "DTSTART;VALUE=DATE:20270501\nSUMMARY:May Day";

/// A file, and the field and the code of what is wrong with it.
type Unreadable = (String, &'static str, &'static str);

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
    for (text, field, code) in unreadable_events().into_iter().chain(unreadable_files()) {
        let refused = world.import(&calendar, "", &text).await;
        assert_eq!(refused.status, 422, "{text:.300}");
        let refused = refused.expect_problem(422, "invalid_fields");
        let error = &refused["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!(field), &json!(code)),
            "{text:.300}"
        );
    }
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
