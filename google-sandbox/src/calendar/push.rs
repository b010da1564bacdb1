//! Delivering pushes: per channel one after another, again and again while the receiver is unwell.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::mpsc;

use crate::{shared::Shared, state::Push, types::PushMessage};

/// How often a message is tried, and how long the first pause is; each pause doubles the last.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many messages may wait for one channel; more are lost, as pushes may be.
const WAITING: usize = 1000;

/// One task for each channel, so that its messages stay in order.
#[derive(Default)]
pub(crate) struct Couriers {
    queues: Mutex<HashMap<String, mpsc::Sender<Push>>>,
    client: OnceLock<Option<reqwest::Client>>,
}

impl Couriers {
    /// Hands messages to the tasks of their channels.
    pub(crate) fn send(&self, shared: &Arc<Shared>, pushes: Vec<Push>) {
        if pushes.is_empty() {
            return;
        }
        let Some(client) = self.client.get_or_init(client) else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            tracing::warn!("pushes are lost: changed outside of an async runtime");
            return;
        };
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|_, queue| !queue.is_closed());
        for push in pushes {
            let queue = queues.entry(push.channel.id.clone()).or_insert_with(|| {
                let (sender, receiver) = mpsc::channel(WAITING);
                runtime.spawn(carry(Arc::downgrade(shared), client.clone(), receiver));
                sender
            });
            let _ = queue.try_send(push);
        }
    }
}

fn client() -> Option<reqwest::Client> {
    // Somebody else in the process may have chosen a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent("APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)")
        // Receivers are on this machine and have certificates of their own making.
        .tls_danger_accept_invalid_certs(true)
        .build()
        .inspect_err(|error| tracing::warn!("no pushes will be sent: {error}"))
        .ok()
}

async fn carry(shared: Weak<Shared>, client: reqwest::Client, mut queue: mpsc::Receiver<Push>) {
    while let Some(push) = queue.recv().await {
        let mut pause = FIRST_PAUSE;
        for _ in 0..TRIES {
            if !is_live(&shared, &push) || !deliver(&client, &push).await {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}

/// Is the channel still to hear of this? Stopped ones fall silent at once.
fn is_live(shared: &Weak<Shared>, push: &Push) -> bool {
    shared.upgrade().is_some_and(|shared| {
        shared.read(|state| {
            state
                .channels
                .get(&push.channel.id)
                .is_some_and(|channel| !channel.stopped)
        })
    })
}

/// Sends a message once. True if it should be tried again.
async fn deliver(client: &reqwest::Client, push: &Push) -> bool {
    let PushMessage { address, headers } = message(push);
    let mut request = client.post(&address);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(answer) => matches!(answer.status().as_u16(), 500 | 502 | 503 | 504),
        Err(error) => {
            tracing::debug!("a push to {address} failed: {error}");
            true
        }
    }
}

/// A push as it is posted.
pub(crate) fn message(push: &Push) -> PushMessage {
    let channel = &push.channel;
    let expires = channel.expires.format("%a, %d %b %Y %H:%M:%S GMT");
    let mut headers = vec![
        ("Content-Length", "0".to_owned()),
        ("X-Goog-Channel-ID", channel.id.clone()),
        ("X-Goog-Channel-Expiration", expires.to_string()),
        ("X-Goog-Message-Number", channel.messages.to_string()),
        ("X-Goog-Resource-ID", channel.resource_id.clone()),
        ("X-Goog-Resource-State", push.state.to_owned()),
        ("X-Goog-Resource-URI", channel.resource_uri.clone()),
    ];
    if let Some(token) = &channel.token {
        headers.push(("X-Goog-Channel-Token", token.clone()));
    }
    PushMessage {
        address: channel.address.clone(),
        headers,
    }
}
