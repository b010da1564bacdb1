//! What goes wrong: at Google, on the way to it and back, and with servers.

use super::world::World;
use api::{app::App, database, jobs};
use google_sandbox::{Effect, Failure, PushMessage, Target};
use reqwest::Method;
use std::time::Duration;

/// What becomes of the pushes that Google has sent.
#[derive(Clone, Copy, Debug)]
pub enum Delivery {
    All,
    Backwards,
    Twice,
    /// Together with those of another time.
    Later,
    Never,
}

/// What Google answers, or doesn't. Those that begin with `Expired`, `Malformed` and `Changed` are of certain requests.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Backend,
    Overload,
    TooMany,
    Rate,
    UserRate,
    Quota,
    Unauthorized,
    /// It is done, and the connection cut.
    Lost,
    DoneAnd500,
    /// The connection is cut, and it is done later.
    Late,
    Changed,
    Expired,
    ExpiredMidway,
    Malformed,
}

#[derive(Clone, Copy, Debug)]
pub enum Of {
    Anything,
    Insert,
    Change,
    Deletion,
    /// Of events, one or many.
    Reading,
    Watching,
    List,
    FreeBusy,
    Tokens,
}

#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub kind: Kind,
    pub of: Of,
    pub times: u32,
}

impl Fault {
    fn failure(self) -> Failure {
        let listing = |status, reason, query: &str| {
            let failure = Failure::status(Target::Calendar, status, reason);
            failure.method("GET").path("/events").query(query)
        };
        let failure = match self.kind {
            Kind::Changed => {
                Failure::status(Target::Calendar, 412, "conditionNotMet").method("PATCH")
            }
            Kind::Expired => listing(410, "fullSyncRequired", "syncToken="),
            Kind::ExpiredMidway => listing(410, "fullSyncRequired", "pageToken="),
            Kind::Malformed => listing(400, "invalid", "syncToken="),
            _ => self.of.narrowed(self.kind.effect()),
        };
        failure.times(self.times)
    }
}

impl Kind {
    fn effect(self) -> Effect {
        let refused = |status, reason: &str, retry_after| Effect::Status {
            status,
            reason: reason.to_owned(),
            retry_after,
        };
        match self {
            Self::Overload => refused(503, "backendError", Some(90)),
            Self::TooMany => refused(429, "rateLimitExceeded", Some(20)),
            Self::Rate => refused(403, "rateLimitExceeded", None),
            Self::UserRate => refused(403, "userRateLimitExceeded", None),
            Self::Quota => refused(403, "quotaExceeded", None),
            Self::Unauthorized => refused(401, "authError", None),
            Self::Lost => Effect::AfterEffect {
                status: None,
                reason: String::new(),
            },
            Self::DoneAnd500 => Effect::AfterEffect {
                status: Some(500),
                reason: "backendError".to_owned(),
            },
            Self::Late => Effect::Held,
            _ => refused(500, "backendError", None),
        }
    }
}

impl Of {
    fn narrowed(self, effect: Effect) -> Failure {
        let target = match self {
            Self::Tokens => Target::Token,
            _ => Target::Calendar,
        };
        let failure = Failure::new(target, effect);
        match self {
            Self::Anything | Self::Tokens => failure,
            Self::Insert => failure.method("POST").path("/events"),
            Self::Change => failure.method("PATCH"),
            Self::Deletion => failure.method("DELETE"),
            Self::Reading => failure.method("GET").path("/events"),
            Self::Watching => failure.path("/events/watch"),
            Self::List => failure.path("/calendarList"),
            Self::FreeBusy => failure.path("/freeBusy"),
        }
    }
}

impl World {
    pub fn plan(&self, fault: Fault) {
        self.test.google.fail_next(fault.failure());
        if matches!(fault.kind, Kind::ExpiredMidway) {
            // Of what has changed there is seldom more than a page.
            self.test.google.expire_sync_tokens();
        }
        let mut memory = self.memory();
        memory.is_calm = false;
        if matches!(fault.kind, Kind::Late) {
            // Whatever it strikes is sent from now on.
            memory.late_since.get_or_insert(self.test.now());
        }
    }

    pub fn calm(&self) {
        self.test.google.clear_failures();
        self.memory().is_calm = true;
    }

    /// What was late arrives. It is not for ever: a request lasts some minutes at most.
    pub async fn arrive(&self) -> Vec<u16> {
        let statuses = self.test.google.release_held().await;
        let now = self.test.now();
        if let Some(since) = &mut self.memory().late_since {
            *since = now;
        }
        statuses
    }

    /// Delivers what Google has sent; how many messages.
    pub async fn deliver(&self, delivery: Delivery) -> usize {
        let mut pushes = std::mem::take(&mut self.memory().pushes);
        pushes.extend(self.test.google.take_pushes());
        match delivery {
            Delivery::All => {}
            Delivery::Backwards => pushes.reverse(),
            Delivery::Twice => pushes.extend(pushes.clone()),
            Delivery::Later => {
                self.memory().pushes = pushes;
                return 0;
            }
            Delivery::Never => return 0,
        }
        for push in &pushes {
            self.post(push).await;
        }
        pushes.len()
    }

    async fn post(&self, push: &PushMessage) {
        let address: url::Url = push.address.parse().unwrap();
        let stranger = self.test.stranger();
        let mut request = stranger.request(Method::POST, address.path());
        for (name, value) in &push.headers {
            request = request.header(*name, value);
        }
        stranger.send(request).await.expect(204);
    }

    /// Starts an instance that works, and ends it in the midst of that as a kill would: with its runtime all that it was
    /// doing is dropped where it is, its connections are cut, and nothing is given back that it had taken.
    pub async fn work_until_killed(&self, micros: u64) {
        let (config, clock) = (self.test.app.config.clone(), self.test.app.clock.clone());
        let server = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let working = server.spawn(async move {
            let db = database::connect(&config.database).await.unwrap();
            let app = App::new(config, db, clock).unwrap();
            let _ = ready.send(());
            jobs::run_due(&app).await.unwrap();
        });
        is_ready.await.unwrap();
        let killing = tokio::time::sleep(Duration::from_micros(micros));
        tokio::select! {
            done = working => done.unwrap(),
            () = killing => {}
        }
        let ending = move || server.shutdown_timeout(Duration::from_secs(10));
        tokio::task::spawn_blocking(ending).await.unwrap();
    }
}
