use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Api, STUDENT, TUTOR, at, start};

const LIST: &str = "/users/me/calendarList";

/// The ids on somebody's list, with what they may do with each.
async fn roles(api: &Api) -> Vec<(String, String)> {
    let list = api.get(LIST).await;
    let items = list["items"].as_array().expect("items");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let role = |item: &Value| (text(&item["id"]), text(&item["accessRole"]));
    items.iter().map(role).collect()
}

async fn busy(api: &Api, id: &str) -> Value {
    let window = json!({"timeMin": at(0), "timeMax": at(23), "items": [{"id": id}]});
    let (_, body) = api.call(Method::POST, "/freeBusy", Some(&window)).await;
    body["calendars"][id].clone()
}

#[tokio::test]
async fn a_calendar_that_is_shared_is_on_the_list_of_the_other_and_shows_when_it_is_busy() {
    let sandbox = start().await;
    let (tutor, student) = (Api::of(&sandbox, TUTOR), Api::of(&sandbox, STUDENT));
    let choir = sandbox.add_calendar(TUTOR, "Choir");
    assert!(
        !sandbox
            .insert_busy(&choir, at(9), at(10), "Bach")
            .is_empty()
    );
    assert_eq!(busy(&tutor, &choir).await["busy"][0]["start"], json!(at(9)));
    let missing = json!([{"domain": "global", "reason": "notFound"}]);
    assert_eq!(busy(&student, &choir).await["errors"], missing);

    let owned = |id: &str| (id.to_owned(), "owner".to_owned());
    assert_eq!(roles(&tutor).await, [owned(TUTOR), owned(&choir)]);
    for (role, is_shown) in [("none", false), ("freeBusyReader", true)] {
        sandbox.share_calendar(&choir, STUDENT, role);
        let shared = (choir.clone(), role.to_owned());
        assert_eq!(roles(&student).await, [owned(STUDENT), shared]);
        assert_eq!(busy(&student, &choir).await["errors"].is_null(), is_shown);
    }
    let path = format!("/calendars/{choir}/events");
    let (status, _) = student.call(Method::GET, &path, None).await;
    assert_eq!(status, 404, "events of others are not served");

    sandbox.delete_calendar(&choir);
    assert_eq!(roles(&student).await, [owned(STUDENT)]);
    assert_eq!(busy(&tutor, &choir).await["errors"], missing);
}

#[tokio::test]
async fn when_a_calendar_is_busy_is_told_without_events_of_a_certain_mark() {
    let sandbox = start().await;
    for (start, properties) in [(9, json!({"mark": "1"})), (12, json!({"other": "1"}))] {
        let id = sandbox.insert_busy(TUTOR, at(start), at(start + 1), "Bach");
        let marked = json!({"extendedProperties": {"private": properties}});
        let marked = sandbox.patch_event(TUTOR, &id, &marked);
        marked.expect("a patch");
    }
    let busy = sandbox.busy_without(TUTOR, (at(0), at(23)), "mark");
    assert_eq!(busy, [(at(12), at(13))]);
}
