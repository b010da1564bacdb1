use google_sandbox::Sandbox;
use reqwest::StatusCode;

use crate::support::{Api, STUDENT, TUTOR, http, start};

async fn page(sandbox: &Sandbox, path: &str) -> String {
    let url = format!("{}{path}", sandbox.issuer());
    let answer = http().get(url).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    answer.text().await.expect("a page")
}

#[tokio::test]
async fn pages_say_that_they_are_not_google() {
    let sandbox = start().await;
    let auth = "/o/oauth2/v2/auth?client_id=demo.apps.googleusercontent.com&response_type=code\
        &scope=openid&redirect_uri=http%3A%2F%2F127.0.0.1%3A9999%2Fcb&login_hint=student%40example.com";
    for path in ["/", "/calendar?email=tutor@example.com", auth] {
        let text = page(&sandbox, path).await;
        assert!(text.contains("This is NOT Google"), "{path}");
        assert!(!text.contains("<script"), "{path}");
    }
    let text = page(&sandbox, auth).await;
    let place = |email: &str| text.find(email).expect("an account");
    assert!(
        place(STUDENT) < place(TUTOR),
        "the hinted account comes first"
    );
}

#[tokio::test]
async fn a_developer_drops_in_a_busy_event_and_deletes_it() {
    let sandbox = start().await;
    sandbox.set_clock(Some(crate::support::at(6)));
    let post = async |path: &str, form: &[(&str, &str)]| {
        let url = format!("{}{path}", sandbox.issuer());
        let answer = http().post(url).form(form).send().await.expect("an answer");
        answer.status()
    };
    let busy = [
        ("email", TUTOR),
        ("start", "2027-01-12T10:00"),
        ("minutes", "90"),
        ("summary", "<b>Dentist</b>"),
    ];
    assert_eq!(post("/calendar/busy", &busy).await, StatusCode::SEE_OTHER);
    let event = &sandbox.events(TUTOR)[0];
    assert_eq!(event["start"]["dateTime"], "2027-01-12T10:00:00+01:00");
    assert_eq!(event["end"]["dateTime"], "2027-01-12T11:30:00+01:00");

    let text = page(&sandbox, "/calendar?email=tutor@example.com").await;
    assert!(text.contains("&lt;b&gt;Dentist&lt;/b&gt;"));
    assert!(text.contains("Tuesday, 12 January 2027"));
    assert!(text.contains("10:00 - 11:30"));

    let id = crate::support::id(event);
    let delete = [("email", TUTOR), ("id", id.as_str())];
    assert_eq!(
        post("/calendar/delete", &delete).await,
        StatusCode::SEE_OTHER
    );
    assert!(sandbox.events(TUTOR).is_empty());
}

#[tokio::test]
async fn a_guest_answers_an_invitation_on_the_page() {
    let sandbox = start().await;
    let made = Api::of(&sandbox, TUTOR)
        .insert(&crate::support::invitation(9))
        .await;
    let id = crate::support::id(&made);
    let form = [
        ("email", STUDENT),
        ("id", id.as_str()),
        ("answer", "accepted"),
    ];
    let url = format!("{}/calendar/respond", sandbox.issuer());
    let answer = http()
        .post(url)
        .form(&form)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let attendees = &sandbox.events(TUTOR)[0]["attendees"];
    assert_eq!(attendees[0]["responseStatus"], "accepted");
}
