use google_sandbox::Sandbox;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Api, STUDENT, TUTOR, event, http, reason, start};

async fn command(sandbox: &Sandbox, name: &str, body: &Value) -> (StatusCode, Value) {
    let url = format!("{}/_control/{name}", sandbox.issuer());
    let answer = http().post(url).json(body).send().await.expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_minted_token_opens_the_calendar() {
    let sandbox = start().await;
    let (status, tokens) = command(&sandbox, "mint", &json!({"email": "new@example.com"})).await;
    assert_eq!(status, StatusCode::OK);
    let answer = http()
        .get(format!(
            "{}/calendar/v3/calendars/primary",
            sandbox.calendar_url()
        ))
        .bearer_auth(tokens["access_token"].as_str().expect("a token"))
        .send()
        .await
        .expect("an answer");
    let calendar: Value = answer.json().await.expect("JSON");
    assert_eq!(calendar["id"], "new@example.com");
}

#[tokio::test]
async fn commands_do_what_they_say() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    let path = "/calendars/primary/events";
    let token = api.get(path).await["nextSyncToken"].clone();

    command(&sandbox, "expire-sync-tokens", &json!({})).await;
    let old = format!("{path}?syncToken={}", token.as_str().expect("a token"));
    let (status, body) = api.call(Method::GET, &old, None).await;
    assert_eq!(
        (status, reason(&body)),
        (StatusCode::GONE, "fullSyncRequired")
    );

    let failure = json!({"target": "calendar", "status": 429, "reason": "rateLimitExceeded"});
    command(&sandbox, "fail", &failure).await;
    let (status, _) = api.call(Method::GET, path, None).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    api.get(path).await;

    command(&sandbox, "fail", &json!({"method": "POST", "held": true})).await;
    let lesson = api.request(Method::POST, path).json(&event(9));
    assert!(lesson.send().await.is_err(), "not answered");
    let (_, released) = command(&sandbox, "release", &json!({})).await;
    assert_eq!(released["statuses"], json!([200]));
    assert_eq!(sandbox.events(TUTOR).len(), 1);

    let instant = json!({"now": "2027-03-28T00:30:00Z"});
    let (_, answer) = command(&sandbox, "clock", &instant).await;
    assert_eq!(answer["now"], "2027-03-28T00:30:00Z");
    command(&sandbox, "clock", &json!({})).await;

    api.insert(&event(9)).await;
    command(&sandbox, "reset", &json!({})).await;
    assert!(sandbox.all_events(TUTOR).is_empty());
    let (status, _) = api.call(Method::GET, path, None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "tokens are gone as well");
}

#[tokio::test]
async fn unknown_fields_and_other_sites_are_refused() {
    let sandbox = start().await;
    let (status, _) = command(&sandbox, "fail", &json!({"staus": 500})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    sandbox.insert_busy(
        STUDENT,
        crate::support::at(9),
        crate::support::at(10),
        "Busy",
    );
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("host", "evil.example"),
    ] {
        let url = format!("{}/_control/reset", sandbox.issuer());
        let answer = http()
            .post(url)
            .header(name, value)
            .send()
            .await
            .expect("an answer");
        assert!(answer.status().is_client_error(), "{name}: {value}");
    }
    assert_eq!(sandbox.events(STUDENT).len(), 1);
}
