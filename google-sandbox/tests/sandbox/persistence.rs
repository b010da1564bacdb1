use google_sandbox::{Config, Sandbox};
use reqwest::StatusCode;

use crate::support::{Api, CLIENT, SECRET, STUDENT, TUTOR, config, http, invitation};

/// A file name that removes its file in the end.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new() -> Self {
        let name = format!("google-sandbox-{}.json", uuid::Uuid::new_v4());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn keys(sandbox: &Sandbox) -> String {
    let url = format!("{}/oauth2/v3/certs", sandbox.issuer());
    let answer = http().get(url).send().await.expect("an answer");
    answer.text().await.expect("keys")
}

#[tokio::test]
async fn a_restart_finds_everything_again() {
    let file = Scratch::new();
    let first = Sandbox::start(config(Some(file.0.clone())))
        .await
        .expect("a sandbox");
    let refresh = first.grant(CLIENT, TUTOR, &["openid"]);
    let api = Api::of(&first, TUTOR);
    let made = api.insert(&invitation(9)).await;
    let sync = api.get("/calendars/primary/events").await["nextSyncToken"].clone();
    let before = keys(&first).await;
    first.shutdown().await;

    let second = Sandbox::start(config(Some(file.0.clone())))
        .await
        .expect("a sandbox");
    assert_eq!(keys(&second).await, before, "the same signing key");
    assert_eq!(second.events(TUTOR)[0]["etag"], made["etag"]);
    assert_eq!(second.events(STUDENT)[0]["id"], made["id"]);
    let form = [
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh),
    ];
    let url = format!("{}/token", second.issuer());
    let answer = http()
        .post(url)
        .form(&form)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let path = format!(
        "/calendars/primary/events?syncToken={}",
        sync.as_str().expect("a sync token")
    );
    let increment = Api::of(&second, TUTOR).get(&path).await;
    assert_eq!(
        increment["items"],
        serde_json::json!([]),
        "nothing has changed"
    );
    second.shutdown().await;
}

#[tokio::test]
async fn a_damaged_state_file_is_not_overwritten() {
    let file = Scratch::new();
    std::fs::write(&file.0, "not JSON").expect("a file");
    let started = Sandbox::start(config(Some(file.0.clone()))).await;
    assert!(started.is_err());
    assert_eq!(
        std::fs::read_to_string(&file.0).expect("a file"),
        "not JSON"
    );
}

#[tokio::test]
async fn only_loopback_is_served() {
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        let bind = address.parse().expect("an address");
        let refused = Sandbox::start(Config {
            bind,
            ..config(None)
        })
        .await;
        let why = refused.err().expect("a refusal").to_string();
        assert!(why.contains("loopback"), "{why}");
    }
}
