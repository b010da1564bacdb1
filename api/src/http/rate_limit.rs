//! How often one may ask. A request counts against the budget of its address before anything is looked
//! up for it, and against that of the person once it is known who asks. Every answer says in `RateLimit` and
//! `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers) where the caller stands.
//!
//! The budgets are shared by all instances where there is a Redis to keep them, and otherwise, or while it does
//! not answer, those of this instance.

mod budget;
pub mod client;
mod shared;

use crate::{
    clock::Clock,
    config::{self, PUSH_PATH},
    error::Error,
    service::UserId,
};
use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    middleware::Next,
    response::{IntoResponse, Response},
};
use budget::{Budget, Standing};
use client::Network;
use ipnet::IpNet;
use shared::Shared;
use std::{fmt, net::SocketAddr, sync::Arc};
use tokio::sync::OnceCell;
use uuid::Uuid;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What a request is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Signing in, and accepting by a link: what is asked without a session.
    SignIn,
    /// Finding slots, explaining one, matchings, and exports: that takes the most work of all reading.
    Search,
    /// All other reading.
    Read,
    /// Changes.
    Write,
}

impl Class {
    pub const ALL: [Self; 4] = [Self::SignIn, Self::Search, Self::Read, Self::Write];

    /// Of a request to this route. None: it is not limited.
    pub fn of(method: &Method, route: &str) -> Option<Self> {
        match route {
            // All of Google's come from a few addresses, and what is refused is lost. Who sends any others makes little work:
            // see `service::calendar_channel`.
            PUSH_PATH => None,
            "/v1/auth/providers"
            | "/v1/auth/sign-in"
            | "/v1/auth/authorize"
            | "/v1/auth/continue"
            | "/v1/auth/callback"
            | "/v1/auth/callback/{provider}"
            | "/v1/auth/token"
            | "/v1/waitlist-offers/accept" => Some(Self::SignIn),
            "/v1/slots"
            | "/v1/slots/next"
            | "/v1/tutors/{id}/slots"
            | "/v1/tutors/{id}/slots/explain"
            | "/v1/bookings/{id}/substitutes"
            | "/v1/matchings"
            | "/v1/absences/{id}"
            | "/v1/absences/{id}/reassignments"
            | "/v1/me/export"
            | "/v1/users/{id}/export" => Some(Self::Search),
            // Whoever reports one is told who could take the lessons over.
            "/v1/tutors/{id}/absences" if !method.is_safe() => Some(Self::Search),
            _ if !route.starts_with("/v1/") => None,
            _ if method.is_safe() => Some(Self::Read),
            _ => Some(Self::Write),
        }
    }

    /// The name of the budget that such requests have to themselves.
    pub fn budget(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Search => "search",
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// Whose budget it is.
    pub fn of_each(self) -> &'static str {
        match self {
            Self::SignIn => "address",
            Self::Search | Self::Read | Self::Write => "person or key",
        }
    }
}

/// Whose requests are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    Network(Network),
    Person(UserId),
    /// The key of an app of a third party.
    Key(Uuid),
}

/// At most some fifty bytes long.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => write!(f, "address:{network}"),
            Self::Person(UserId(id)) => write!(f, "person:{id}"),
            Self::Key(id) => write!(f, "key:{id}"),
        }
    }
}

/// The budgets of everybody.
pub struct Limiter {
    trusted_proxies: Vec<IpNet>,
    address: Budget,
    sign_in: Budget,
    search: Budget,
    read: Budget,
    write: Budget,
    /// None: each instance counts for itself.
    shared: Option<Arc<Shared>>,
}

impl Limiter {
    /// None: nobody is limited.
    pub fn new(config: &config::RateLimits, clock: &Clock) -> Option<Self> {
        let quotas = config.budgets.as_ref()?;
        let budget = |name, quota| Budget::new(name, quota, clock.clone());
        let shared = config.shared.as_ref();
        Some(Self {
            trusted_proxies: config.trusted_proxies.clone(),
            address: budget("address", quotas.address),
            sign_in: budget(Class::SignIn.budget(), quotas.sign_in),
            search: budget(Class::Search.budget(), quotas.search),
            read: budget(Class::Read.budget(), quotas.read),
            write: budget(Class::Write.budget(), quotas.write),
            shared: shared.map(|config| Arc::new(Shared::new(config, clock.clone()))),
        })
    }

    /// Counts a request, and says where its sender stands now. The last of the budgets is the one that is
    /// used up, where one is.
    async fn check(&self, who: Who, class: Class) -> Vec<Standing> {
        let budgets: &[&Budget] = match (who, class) {
            (Who::Network(_), Class::SignIn) => &[&self.address, &self.sign_in],
            (Who::Network(_), _) => &[&self.address],
            (Who::Person(_) | Who::Key(_), Class::SignIn) => return Vec::new(),
            (Who::Person(_) | Who::Key(_), Class::Search) => &[&self.search],
            (Who::Person(_) | Who::Key(_), Class::Read) => &[&self.read],
            (Who::Person(_) | Who::Key(_), Class::Write) => &[&self.write],
        };
        if let Some(shared) = &self.shared
            && let Some(standings) = shared.count(who, budgets).await
        {
            return standings;
        }
        let mut standings = Vec::with_capacity(budgets.len());
        for budget in budgets {
            let standing = budget.count(who);
            standings.push(standing);
            if standing.retry_after.is_some() {
                break;
            }
        }
        standings
    }
}

/// Counts one request: the address in the middleware, the person or key where it gets known.
#[derive(Clone)]
pub struct Meter(Arc<Counted>);

struct Counted {
    limiter: Arc<Limiter>,
    class: Class,
    address: Vec<Standing>,
    sender: OnceCell<Vec<Standing>>,
}

impl Meter {
    async fn new(limiter: Arc<Limiter>, class: Class, network: Network) -> Self {
        Self(Arc::new(Counted {
            address: limiter.check(Who::Network(network), class).await,
            limiter,
            class,
            sender: OnceCell::new(),
        }))
    }

    /// Counts the request once, however many extractors ask who sent it.
    pub async fn count(&self, sender: Who) -> Result<(), Error> {
        let counted = &self.0;
        let check = || counted.limiter.check(sender, counted.class);
        accept(counted.sender.get_or_init(check).await)
    }

    /// What is narrower comes first.
    fn write_headers(&self, headers: &mut HeaderMap) {
        let sender = self.0.sender.get().into_iter().flatten();
        let standings: Vec<_> = sender.chain(self.0.address.iter().rev()).collect();
        let mut insert = |name, item: fn(&Standing) -> String| {
            let list: Vec<_> = standings.iter().map(|standing| item(standing)).collect();
            if let Ok(value) = HeaderValue::try_from(list.join(", ")) {
                headers.insert(name, value);
            }
        };
        insert(RATE_LIMIT, Standing::limit);
        insert(RATE_LIMIT_POLICY, Standing::policy);
    }
}

fn accept(standings: &[Standing]) -> Result<(), Error> {
    match standings.last().and_then(|standing| standing.retry_after) {
        Some(seconds) => Err(Error::RateLimited { seconds }),
        None => Ok(()),
    }
}

/// Refuses requests of an address that sends too many, and lets [`Meter::count`] refuse those of a person or
/// a key.
pub async fn limit(
    State(limiter): State<Arc<Limiter>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    route: MatchedPath,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(class) = Class::of(request.method(), route.as_str()) else {
        return next.run(request).await;
    };
    let client = client::address(peer.ip(), request.headers(), &limiter.trusted_proxies);
    let meter = Meter::new(limiter, class, client.into()).await;
    let mut response = match accept(&meter.0.address) {
        Ok(()) => {
            request.extensions_mut().insert(meter.clone());
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    };
    meter.write_headers(response.headers_mut());
    response
}
