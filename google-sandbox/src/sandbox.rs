//! The handle: starting, stopping, and playing the people and the mishaps.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use url::Url;

use crate::{
    calendar, keys,
    keys::Keys,
    oauth, persist, server,
    shared::Shared,
    state::State,
    types::{Account, Config, Consent, Failure, Meets, PushMessage, RequestLog},
};

/// A running sandbox. Clones are handles to the same one; it stops when the last is dropped.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
    server: Arc<Server>,
}

struct Server {
    stop: watch::Sender<bool>,
    serving: Mutex<Option<JoinHandle<()>>>,
    saving: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(saving) = &self.saving {
            saving.abort();
        }
    }
}

impl Sandbox {
    /// Binds the address and serves in a task of its own.
    ///
    /// Refuses any address but loopback, and a state file that it can't read.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        server::require_loopback(config.bind)?;
        let mut state = match &config.state_file {
            Some(path) => persist::load(path)?,
            None => State::default(),
        };
        if state.key_pem.is_empty() {
            state.key_pem = tokio::task::spawn_blocking(keys::generate).await??;
        }
        let keys = Keys::from_pem(&state.key_pem)?;
        for account in config.accounts {
            state.add_account(account);
        }
        for client in config.clients {
            state.clients.retain(|known| known.id != client.id);
            state.clients.push(client);
        }

        let listener = TcpListener::bind(config.bind)
            .await
            .with_context(|| format!("the Google sandbox cannot listen on {}", config.bind))?;
        let origin = format!("http://{}", listener.local_addr()?);
        let saves = config.state_file.is_some();
        let shared = Shared::new(origin, keys, state, config.state_file);
        shared.save().await?;

        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(server::serve(listener, server::router(&shared), stopped));
        let saving = saves.then(|| tokio::spawn(persist::keep_saving(shared.clone())));
        Ok(Self {
            shared,
            server: Arc::new(Server {
                stop,
                serving: Mutex::new(Some(serving)),
                saving,
            }),
        })
    }

    /// The issuer, `http://127.0.0.1:PORT`: discovery is below it.
    pub fn issuer(&self) -> String {
        self.shared.origin.clone()
    }

    /// What stands for `https://www.googleapis.com`: the Calendar API is at `/calendar/v3/` below it.
    pub fn calendar_url(&self) -> String {
        self.shared.origin.clone()
    }

    /// Stops serving and saves the state.
    pub async fn shutdown(self) {
        let _ = self.server.stop.send(true);
        let serving = self
            .server
            .serving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(serving) = serving {
            let _ = serving.await;
        }
        if let Some(saving) = &self.server.saving {
            saving.abort();
        }
        if let Err(error) = self.shared.save().await {
            tracing::warn!("the sandbox's state was not saved: {error:#}");
        }
    }

    /// Adds a person, or changes their name.
    pub fn add_account(&self, account: Account) {
        self.shared.write(|state| state.add_account(account));
    }

    /// Makes an account one that its owner opened with an address of somebody else's domain: it is in no Workspace, and
    /// has no `hd`.
    pub fn make_consumer(&self, email: &str) {
        self.shared
            .write(|state| state.consumers.insert(email.to_lowercase()));
    }

    /// Registers another redirect URI for a client.
    pub fn add_redirect_uri(&self, client_id: &str, uri: &str) {
        self.shared.write(|state| {
            let client = state.clients.iter_mut().find(|c| c.id == client_id);
            if let Some(client) = client
                && !client.redirect_uris.iter().any(|known| known == uri)
            {
                client.redirect_uris.push(uri.to_owned());
            }
        });
    }

    /// Plays the person: opens the authorization URL, chooses the account and answers the consent
    /// page if there is one. Returns the redirect back to the client.
    ///
    /// The error is what the page would have said instead of redirecting.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "reads better at the call: Consent::All"
    )]
    pub fn authorize(
        &self,
        authorization_url: &Url,
        email: &str,
        consent: Consent,
    ) -> Result<Url, String> {
        let query = authorization_url.query().unwrap_or_default();
        self.shared
            .write(|state| oauth::authorize::play(state, query, email, &consent))
    }

    /// A refresh token, as if this person had granted these scopes to this client.
    pub fn grant(&self, client_id: &str, email: &str, scopes: &[&str]) -> String {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.shared
            .write(|state| state.allow(client_id, email, &scopes, true))
            .unwrap_or_default()
    }

    /// An access token, as if this person had just signed in with these scopes.
    pub fn access_token(&self, client_id: &str, email: &str, scopes: &[&str]) -> String {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.shared
            .write(|state| state.issue_access_token(client_id, email, &scopes))
    }

    /// The events of a person's primary calendar that are not cancelled, as the API would tell them.
    pub fn events(&self, email: &str) -> Vec<Value> {
        let mut events = self.all_events(email);
        events.retain(|event| event["status"] != "cancelled");
        events
    }

    /// Every event of a person's primary calendar, cancelled ones included.
    pub fn all_events(&self, email: &str) -> Vec<Value> {
        self.shared.read(|state| calendar::all_events(state, email))
    }

    /// Makes another calendar of a person, as if they had done so themselves. Returns its id.
    pub fn add_calendar(&self, email: &str, summary: &str) -> String {
        self.shared
            .write(|state| calendar::calendars::add(state, email, summary))
    }

    /// Deletes a calendar that is nobody's primary one, as if its owner had done so.
    pub fn delete_calendar(&self, id: &str) {
        self.shared.write(|state| {
            let _ = calendar::calendars::remove(state, id);
        });
    }

    /// Moves a calendar into another zone, in which its whole days are then, as if its owner had done so.
    pub fn set_time_zone(&self, id: &str, zone: chrono_tz::Tz) {
        self.shared.write(|state| {
            let _ = calendar::calendars::set_time_zone(state, id, zone);
        });
    }

    /// Puts a calendar on the list of somebody else, as if its owner had shared it: as `writer`, `reader` or
    /// `freeBusyReader`. `none` leaves it on the list, and shows nothing of it.
    pub fn share_calendar(&self, id: &str, email: &str, role: &str) {
        self.shared.write(|state| {
            let _ = calendar::calendars::share(state, id, email, role);
        });
    }

    /// Puts a plain event into a person's primary calendar, as if they had made it themselves; or into another one, by
    /// its id in the place of the address. Returns its id, or an empty text if there is no such calendar.
    pub fn insert_busy(
        &self,
        email: &str,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
        summary: &str,
    ) -> String {
        self.shared
            .write(|state| calendar::insert_busy(state, email, start, end, summary))
            .inspect_err(|error| tracing::warn!("no event was made: {error}"))
            .unwrap_or_default()
    }

    /// When a calendar is busy within a window, as free/busy would tell, but for events that have this private property. By
    /// its id; that of a primary one is its owner's address.
    pub fn busy_without(
        &self,
        calendar: &str,
        window: (DateTime<Utc>, DateTime<Utc>),
        property: &str,
    ) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        self.shared
            .read(|state| calendar::busy_without(state, calendar, window, property))
    }

    /// Deletes an event from a person's primary calendar, or from another one by its id, as if they had done so themselves.
    pub fn delete_event(&self, email: &str, id: &str) {
        self.shared.write(|state| {
            let _ = calendar::delete_as_owner(state, email, id);
        });
    }

    /// Moves an event from a person's primary calendar, or from another one by its id, into another one of theirs, as if they
    /// had done so themselves.
    pub fn move_event(&self, email: &str, id: &str, to: &str) -> Result<(), String> {
        self.shared
            .write(|state| calendar::move_as_owner(state, email, id, to))
    }

    /// Changes an event in a person's primary calendar, or in another one by its id, as if they had done so themselves.
    /// `changes` is a patch of the API. Returns the event, or what Google would have answered.
    pub fn patch_event(&self, email: &str, id: &str, changes: &Value) -> Result<Value, String> {
        self.shared
            .write(|state| calendar::patch_as_owner(state, email, id, changes))
    }

    /// Takes back everything that a person has allowed, as they could in their Google account.
    pub fn revoke_grants(&self, email: &str) {
        self.shared.write(|state| state.revoke(None, email));
    }

    /// Stops the clock at an instant, or lets it run again.
    pub fn set_clock(&self, now: Option<DateTime<Utc>>) {
        self.shared.write(|state| state.clock = now);
    }

    /// Makes every sync token issued so far expire.
    pub fn expire_sync_tokens(&self) {
        self.shared.write(|state| state.generation += 1);
    }

    /// Plans a failure.
    pub fn fail_next(&self, failure: Failure) {
        self.shared.write(|state| state.failures.push(failure));
    }

    /// Forgets every planned failure.
    pub fn clear_failures(&self) {
        self.shared.write(|state| state.failures.clear());
    }

    /// Carries out the requests that [`Effect::Held`](crate::Effect::Held) struck, the oldest first. Returns the
    /// statuses that would have been answered.
    pub async fn release_held(&self) -> Vec<u16> {
        server::release_held(&self.shared).await
    }

    /// The ids of the push channels that are open on a calendar; the id of a primary one is its owner's address.
    pub fn channels(&self, calendar: &str) -> Vec<String> {
        self.shared
            .read(|state| calendar::watch::open(state, calendar))
    }

    /// What becomes of Meet links that are asked for from now on.
    pub fn set_meets(&self, meets: Meets) {
        self.shared.write(|state| state.meets = meets);
    }

    /// Makes the Meet links that are pending, or lets them fail.
    pub fn settle_meets(&self, succeed: bool) {
        self.shared
            .write(|state| calendar::settle_conferences(state, succeed));
    }

    /// Loses the next pushes on their way. `u32::MAX` loses all, 0 none.
    pub fn lose_pushes(&self, count: u32) {
        self.shared.write(|state| state.pushes.lose = count);
    }

    /// Delivers the next pushes twice. `u32::MAX` means all, 0 none.
    pub fn repeat_pushes(&self, count: u32) {
        self.shared.write(|state| state.pushes.repeat = count);
    }

    /// Sends no pushes from now on. Who takes them delivers them, in whatever order and however often, or doesn't.
    pub fn withhold_pushes(&self) {
        self.shared.write(|state| {
            state.pushes.withheld.get_or_insert_default();
        });
    }

    /// The pushes that were withheld, the oldest first. It forgets them.
    pub fn take_pushes(&self) -> Vec<PushMessage> {
        let withheld = self
            .shared
            .read(|state| state.pushes.withheld.as_mut().map(std::mem::take));
        let withheld = withheld.unwrap_or_default();
        withheld.iter().map(calendar::push::message).collect()
    }

    /// Puts no more than so many entries on a page of events, whatever is asked for. Google's pages may be short, too.
    pub fn limit_pages(&self, most: usize) {
        self.shared
            .write(|state| state.page_limit = Some(most.max(1)));
    }

    /// The requests served to the endpoints that stand for Google, oldest first.
    pub fn requests(&self) -> Vec<RequestLog> {
        self.shared
            .read(|state| state.log.iter().cloned().collect())
    }

    /// The codes and tokens that it handed out, and the code verifiers and the tokens of channels that it was shown, the
    /// oldest first: what nobody else may ever read.
    pub fn secrets(&self) -> Vec<String> {
        self.shared
            .read(|state| state.secrets.iter().cloned().collect())
    }

    /// Back to empty calendars, no grants, no failures and a running clock. People and clients stay.
    pub fn reset(&self) {
        self.shared.write(State::reset);
    }
}
