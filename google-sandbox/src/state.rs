//! Everything the sandbox knows. One value behind one lock; nothing here waits.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write,
};

use axum::{extract::Request, middleware::Next};
use chrono::{DateTime, Duration, SubsecRound, Utc};
use chrono_tz::Tz;
use rand::{Rng, distr::Alphanumeric};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    oauth::{Code, Flow},
    types::{Account, Client, Failure, Meets, RequestLog},
};

/// How many requests the log remembers.
const LOG_LENGTH: usize = 20_000;

/// How many of the secrets handed out are remembered.
const SECRETS: usize = 20_000;

/// The whole state. What is skipped in serialisation ends with the process.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) key_pem: String,
    pub(crate) accounts: Vec<Account>,
    /// Addresses of accounts that no Workspace domain has, whatever their domain.
    #[serde(default)]
    pub(crate) consumers: BTreeSet<String>,
    pub(crate) clients: Vec<Client>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) access_tokens: BTreeMap<String, AccessToken>,
    pub(crate) calendars: BTreeMap<String, Calendar>,
    pub(crate) channels: BTreeMap<String, Channel>,
    /// Counts changes; every change to an event or a calendar gets the next number.
    pub(crate) version: u64,
    /// Sync tokens of an earlier generation have expired.
    pub(crate) generation: u64,
    #[serde(skip)]
    pub(crate) clock: Option<DateTime<Utc>>,
    #[serde(skip)]
    pub(crate) codes: BTreeMap<String, Code>,
    #[serde(skip)]
    pub(crate) flows: BTreeMap<String, Flow>,
    #[serde(skip)]
    pub(crate) failures: Vec<Failure>,
    /// Oldest first.
    #[serde(skip)]
    pub(crate) held: Vec<Held>,
    #[serde(skip)]
    pub(crate) log: VecDeque<RequestLog>,
    #[serde(skip)]
    pub(crate) pushes: Pushes,
    #[serde(skip)]
    pub(crate) meets: Meets,
    /// How many entries a page of events has at most; none: as many as are asked for.
    #[serde(skip)]
    pub(crate) page_limit: Option<usize>,
    /// Codes and tokens, the oldest first, those too that are of no use any more.
    #[serde(skip)]
    pub(crate) secrets: VecDeque<String>,
}

/// What one person has allowed one application.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) client: String,
    pub(crate) email: String,
    pub(crate) scopes: BTreeSet<String>,
    /// Oldest first.
    pub(crate) refresh_tokens: Vec<RefreshToken>,
}

/// A refresh token and what it may ask for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RefreshToken {
    pub(crate) token: String,
    pub(crate) scopes: BTreeSet<String>,
}

/// A bearer token of the APIs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessToken {
    pub(crate) client: String,
    pub(crate) email: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) expires: DateTime<Utc>,
}

/// A calendar with its events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Calendar {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) summary: String,
    pub(crate) description: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) time_zone: Tz,
    pub(crate) created: DateTime<Utc>,
    pub(crate) updated: DateTime<Utc>,
    /// When the calendar's own properties changed last.
    pub(crate) version: u64,
    pub(crate) deleted: bool,
    /// Who else has it on their list, with what they may do with it, in the words of the API. `none`: it is listed, and
    /// that is all.
    #[serde(default)]
    pub(crate) shared: BTreeMap<String, String>,
    pub(crate) events: BTreeMap<String, Event>,
}

impl Calendar {
    /// What somebody may do with it, if it is on their list.
    pub(crate) fn role(&self, email: &str) -> Option<&str> {
        if self.owner == email {
            Some("owner")
        } else {
            self.shared.get(email).map(String::as_str)
        }
    }

    /// Is it its owner's primary calendar?
    pub(crate) fn is_primary(&self) -> bool {
        self.id == self.owner
    }
}

/// An event as it stands in one calendar.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) uid: String,
    pub(crate) creator: String,
    /// The id of the calendar on which it was made.
    pub(crate) organizer: String,
    pub(crate) created: DateTime<Utc>,
    pub(crate) updated: DateTime<Utc>,
    pub(crate) version: u64,
    pub(crate) sequence: i64,
    pub(crate) cancelled: bool,
    /// The writable fields, normalised.
    pub(crate) fields: Map<String, Value>,
    /// Set for an exception of a recurring event.
    pub(crate) instance: Option<Instance>,
    /// What a change took out of the list of single events: occurrences, or the event itself once it recurs.
    #[serde(default)]
    pub(crate) gone: Vec<Gone>,
}

/// Which occurrence an exception replaces.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(crate) master: String,
    /// The instant at which the rule had put it.
    pub(crate) original: DateTime<Utc>,
    pub(crate) all_day: bool,
}

/// An id under which the list of single events has nothing any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Gone {
    pub(crate) id: String,
    pub(crate) instance: Option<Instance>,
    pub(crate) version: u64,
}

/// A push channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Channel {
    pub(crate) id: String,
    pub(crate) resource_id: String,
    pub(crate) resource_uri: String,
    pub(crate) calendar: String,
    pub(crate) email: String,
    pub(crate) client: String,
    pub(crate) address: String,
    pub(crate) token: Option<String>,
    pub(crate) expires: DateTime<Utc>,
    pub(crate) messages: u64,
    pub(crate) stopped: bool,
}

/// Pushes waiting to be sent, and what is to go wrong with them.
#[derive(Default)]
pub(crate) struct Pushes {
    pub(crate) outbox: Vec<Push>,
    pub(crate) lose: u32,
    pub(crate) repeat: u32,
    /// Those that somebody else delivers, or doesn't; none where they are sent.
    pub(crate) withheld: Option<Vec<Push>>,
}

impl Pushes {
    /// What is to be sent now.
    pub(crate) fn take(&mut self) -> Vec<Push> {
        let pushes = std::mem::take(&mut self.outbox);
        match &mut self.withheld {
            None => pushes,
            Some(withheld) => {
                withheld.extend(pushes);
                Vec::new()
            }
        }
    }
}

/// A request that was not answered and is still to be carried out.
pub(crate) struct Held {
    pub(crate) request: Request,
    pub(crate) next: Next,
}

/// One message to a channel.
#[derive(Clone, Debug)]
pub(crate) struct Push {
    pub(crate) channel: Channel,
    pub(crate) state: &'static str,
}

impl State {
    /// The time, to the millisecond.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.unwrap_or_else(Utc::now).trunc_subsecs(3)
    }

    /// The number of the next change.
    pub(crate) fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    pub(crate) fn account(&self, email: &str) -> Option<&Account> {
        self.accounts
            .iter()
            .find(|account| account.email.eq_ignore_ascii_case(email))
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    /// Adds a person, or changes their name, with an empty primary calendar.
    pub(crate) fn add_account(&mut self, account: Account) {
        let account = Account {
            email: account.email.to_lowercase(),
            ..account
        };
        let now = self.now();
        if !self.calendars.contains_key(&account.email) {
            let version = self.next_version();
            self.calendars.insert(
                account.email.clone(),
                Calendar {
                    id: account.email.clone(),
                    owner: account.email.clone(),
                    summary: account.email.clone(),
                    description: None,
                    location: None,
                    time_zone: account.time_zone,
                    created: now,
                    updated: now,
                    version,
                    deleted: false,
                    shared: BTreeMap::new(),
                    events: BTreeMap::new(),
                },
            );
        }
        match self
            .accounts
            .iter_mut()
            .find(|known| known.email == account.email)
        {
            Some(known) => *known = account,
            None => self.accounts.push(account),
        }
    }

    /// The grant of a person to an application.
    pub(crate) fn grant_mut(&mut self, client: &str, email: &str) -> Option<&mut Grant> {
        self.grants
            .iter_mut()
            .find(|grant| grant.client == client && grant.email.eq_ignore_ascii_case(email))
    }

    /// Forgets grants and every token made from them.
    pub(crate) fn revoke(&mut self, client: Option<&str>, email: &str) {
        let hit = |c: &str, e: &str| {
            client.is_none_or(|client| client == c) && e.eq_ignore_ascii_case(email)
        };
        self.grants
            .retain(|grant| !hit(&grant.client, &grant.email));
        self.access_tokens
            .retain(|_, token| !hit(&token.client, &token.email));
        self.codes.retain(|_, code| !hit(&code.client, &code.email));
    }

    /// An access token for these scopes, good for an hour.
    pub(crate) fn issue_access_token(
        &mut self,
        client: &str,
        email: &str,
        scopes: &BTreeSet<String>,
    ) -> String {
        let now = self.now();
        self.access_tokens.retain(|_, token| token.expires > now);
        let token = format!("ya29.a0{}", random(60));
        self.hand_out(&token);
        self.access_tokens.insert(
            token.clone(),
            AccessToken {
                client: client.to_owned(),
                email: email.to_lowercase(),
                scopes: scopes.clone(),
                expires: now + Duration::seconds(3599),
            },
        );
        token
    }

    /// Records a grant; with `offline`, a refresh token for `scopes` is made.
    pub(crate) fn allow(
        &mut self,
        client: &str,
        email: &str,
        scopes: &BTreeSet<String>,
        offline: bool,
    ) -> Option<String> {
        /// Google keeps this many per person and application, and silently drops the oldest.
        const MOST: usize = 100;
        if self.grant_mut(client, email).is_none() {
            self.grants.push(Grant {
                client: client.to_owned(),
                email: email.to_lowercase(),
                scopes: BTreeSet::new(),
                refresh_tokens: Vec::new(),
            });
        }
        let token = format!("1//0{}", random(60));
        if offline {
            self.hand_out(&token);
        }
        let grant = self.grant_mut(client, email)?;
        grant.scopes.extend(scopes.iter().cloned());
        if !offline {
            return None;
        }
        grant.refresh_tokens.push(RefreshToken {
            token: token.clone(),
            scopes: scopes.clone(),
        });
        if grant.refresh_tokens.len() > MOST {
            grant.refresh_tokens.remove(0);
        }
        Some(token)
    }

    /// Remembers a secret, for [`Sandbox::secrets`](crate::Sandbox::secrets).
    pub(crate) fn hand_out(&mut self, secret: &str) {
        if self.secrets.len() >= SECRETS {
            self.secrets.pop_front();
        }
        self.secrets.push_back(secret.to_owned());
    }

    /// Remembers a served request.
    pub(crate) fn record(&mut self, entry: RequestLog) {
        if self.log.len() >= LOG_LENGTH {
            self.log.pop_front();
        }
        self.log.push_back(entry);
    }

    /// Back to empty calendars and no grants. People, applications and the key stay.
    pub(crate) fn reset(&mut self) {
        let accounts = std::mem::take(&mut self.accounts);
        *self = Self {
            key_pem: std::mem::take(&mut self.key_pem),
            clients: std::mem::take(&mut self.clients),
            consumers: std::mem::take(&mut self.consumers),
            // Tokens and etags from before must not look current.
            version: self.version,
            generation: self.generation + 1,
            ..Self::default()
        };
        for account in accounts {
            self.add_account(account);
        }
    }
}

/// The first bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8], count: usize) -> String {
    bytes
        .iter()
        .take(count)
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Random letters and digits.
pub(crate) fn random(length: usize) -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(length)
        .map(char::from)
        .collect()
}
