use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use reqwest::Method;
use serde_json::json;
use tokio::sync::{Mutex, mpsc};

use crate::support::{Api, TUTOR, event, reason, start};

/// A receiver of pushes, which answers with the statuses it is given and then 200.
struct Receiver {
    address: String,
    seen: mpsc::UnboundedReceiver<HeaderMap>,
}

type Inbox = (mpsc::UnboundedSender<HeaderMap>, Arc<Mutex<Vec<u16>>>);

async fn receive(State((seen, answers)): State<Inbox>, headers: HeaderMap) -> StatusCode {
    let _ = seen.send(headers);
    let status = answers.lock().await.pop().unwrap_or(200);
    StatusCode::from_u16(status).expect("a status")
}

impl Receiver {
    async fn start(answers: Vec<u16>) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let inbox: Inbox = (sender, Arc::new(Mutex::new(answers)));
        let router = Router::new()
            .route("/push", post(receive))
            .with_state(inbox);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = format!("http://{}/push", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, seen }
    }

    /// The state and number of the next push.
    async fn next(&mut self) -> (String, u64) {
        let headers = tokio::time::timeout(Duration::from_secs(10), self.seen.recv())
            .await
            .expect("a push in time")
            .expect("a push");
        let text = |name: &str| headers[name].to_str().expect("text").to_owned();
        let number = text("x-goog-message-number").parse().expect("a number");
        (text("x-goog-resource-state"), number)
    }

    async fn watched_by(&self, api: &Api) -> serde_json::Value {
        let body = json!({"id": "c1", "type": "web_hook", "address": self.address});
        let path = "/calendars/primary/events/watch";
        let (status, channel) = api.call(Method::POST, path, Some(&body)).await;
        assert_eq!(status, StatusCode::OK, "{channel}");
        channel
    }
}

#[tokio::test]
async fn pushes_are_retried_while_the_receiver_is_unwell() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    let mut receiver = Receiver::start(vec![503, 500]).await;
    receiver.watched_by(&api).await;
    for _ in 0..3 {
        assert_eq!(receiver.next().await, ("sync".to_owned(), 1));
    }
    api.insert(&event(9)).await;
    assert_eq!(receiver.next().await, ("exists".to_owned(), 2));
}

#[tokio::test]
async fn pushes_can_be_lost_and_repeated() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    let mut receiver = Receiver::start(vec![]).await;
    receiver.watched_by(&api).await;
    assert_eq!(receiver.next().await.1, 1);

    sandbox.lose_pushes(1);
    api.insert(&event(9)).await;
    sandbox.repeat_pushes(1);
    api.insert(&event(11)).await;
    api.insert(&event(13)).await;
    // The second is lost, the third comes twice.
    assert_eq!(receiver.next().await.1, 3);
    assert_eq!(receiver.next().await.1, 3);
    assert_eq!(receiver.next().await.1, 4);
}

#[tokio::test]
async fn pushes_that_are_withheld_are_for_who_takes_them() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    let mut receiver = Receiver::start(vec![]).await;
    sandbox.withhold_pushes();
    receiver.watched_by(&api).await;
    api.insert(&event(9)).await;
    let taken = sandbox.take_pushes();
    let said = |name: &str| -> Vec<_> {
        let headers = taken.iter().flat_map(|push| &push.headers);
        let named = headers.filter(|(known, _)| *known == name);
        named.map(|(_, value)| value.as_str()).collect()
    };
    assert_eq!(said("X-Goog-Resource-State"), ["sync", "exists"]);
    assert_eq!(said("X-Goog-Message-Number"), ["1", "2"]);
    assert!(taken.iter().all(|push| push.address == receiver.address));
    assert!(sandbox.take_pushes().is_empty());
    assert!(receiver.seen.try_recv().is_err());
}

#[tokio::test]
async fn a_stopped_channel_falls_silent() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    let mut receiver = Receiver::start(vec![]).await;
    let channel = receiver.watched_by(&api).await;
    assert_eq!(receiver.next().await.0, "sync");
    let stop = json!({"id": "c1", "resourceId": channel["resourceId"]});
    let (status, _) = api.call(Method::POST, "/channels/stop", Some(&stop)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = api.call(Method::POST, "/channels/stop", Some(&stop)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    api.insert(&event(9)).await;
    // A second channel hears of the next change; the stopped one heard of neither.
    let mut other = Receiver::start(vec![]).await;
    let body = json!({"id": "c2", "type": "web_hook", "address": other.address});
    api.call(Method::POST, "/calendars/primary/events/watch", Some(&body))
        .await;
    api.insert(&event(11)).await;
    assert_eq!(other.next().await.0, "sync");
    assert_eq!(other.next().await.0, "exists");
    assert!(receiver.seen.try_recv().is_err());
}

#[tokio::test]
async fn pushes_never_leave_this_machine() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    for address in [
        "https://example.com/push",
        "http://192.0.2.1/push",
        "http://127.0.0.1.nip.io/",
        "ftp://localhost/",
    ] {
        let body = json!({"id": "c1", "type": "web_hook", "address": address});
        let path = "/calendars/primary/events/watch";
        let (status, body) = api.call(Method::POST, path, Some(&body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{address}");
        assert_eq!(reason(&body), "push.webhookUrlNotAllowed");
    }
}
