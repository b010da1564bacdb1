//! How often one may ask. A request counts against the budget of its address before anything is looked
//! up for it, and against that of the person once it is known who asks. Every answer says in `RateLimit` and
//! `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers) where the caller stands.

mod budget;
pub mod client;

use crate::{clock::Clock, config, error::Error, service::UserId};
use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    middleware::Next,
    response::{IntoResponse, Response},
};
use budget::{Budget, Standing};
use client::Network;
use ipnet::IpNet;
use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What a request is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Signing in.
    SignIn,
    /// Finding slots, and explaining one: that takes the most work of all reading.
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
            "/v1/auth/providers"
            | "/v1/auth/sign-in"
            | "/v1/auth/callback"
            | "/v1/auth/callback/{provider}"
            | "/v1/auth/token" => Some(Self::SignIn),
            "/v1/slots"
            | "/v1/slots/next"
            | "/v1/tutors/{id}/slots"
            | "/v1/tutors/{id}/slots/explain" => Some(Self::Search),
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
            Self::Search | Self::Read | Self::Write => "person",
        }
    }
}

/// Whose requests are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    Network(Network),
    Person(UserId),
}

/// The budgets of everybody. They are kept in memory, so each instance has its own.
pub struct Limiter {
    trusted_proxies: Vec<IpNet>,
    address: Budget,
    sign_in: Budget,
    search: Budget,
    read: Budget,
    write: Budget,
}

impl Limiter {
    /// None: nobody is limited.
    pub fn new(config: &config::RateLimits, clock: &Clock) -> Option<Self> {
        let quotas = config.budgets.as_ref()?;
        let budget = |name, quota| Budget::new(name, quota, clock.clone());
        Some(Self {
            trusted_proxies: config.trusted_proxies.clone(),
            address: budget("address", quotas.address),
            sign_in: budget(Class::SignIn.budget(), quotas.sign_in),
            search: budget(Class::Search.budget(), quotas.search),
            read: budget(Class::Read.budget(), quotas.read),
            write: budget(Class::Write.budget(), quotas.write),
        })
    }

    /// Counts a request, and says where its sender stands now. The last of the budgets is the one that is
    /// used up, where one is.
    fn check(&self, who: Who, class: Class) -> Vec<Standing> {
        let budgets: &[&Budget] = match (who, class) {
            (Who::Network(_), Class::SignIn) => &[&self.address, &self.sign_in],
            (Who::Network(_), _) => &[&self.address],
            (Who::Person(_), Class::SignIn) => &[],
            (Who::Person(_), Class::Search) => &[&self.search],
            (Who::Person(_), Class::Read) => &[&self.read],
            (Who::Person(_), Class::Write) => &[&self.write],
        };
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

/// Counts one request: the address in the middleware, the person where it gets known.
#[derive(Clone)]
pub struct Meter(Arc<Counted>);

struct Counted {
    limiter: Arc<Limiter>,
    class: Class,
    address: Vec<Standing>,
    person: OnceLock<Vec<Standing>>,
}

impl Meter {
    fn new(limiter: Arc<Limiter>, class: Class, network: Network) -> Self {
        Self(Arc::new(Counted {
            address: limiter.check(Who::Network(network), class),
            limiter,
            class,
            person: OnceLock::new(),
        }))
    }

    /// Counts the request once, however many extractors ask who sent it.
    pub fn count_person(&self, user_id: UserId) -> Result<(), Error> {
        let counted = &self.0;
        accept(
            counted
                .person
                .get_or_init(|| counted.limiter.check(Who::Person(user_id), counted.class)),
        )
    }

    /// What is narrower comes first.
    fn write_headers(&self, headers: &mut HeaderMap) {
        let person = self.0.person.get().into_iter().flatten();
        let standings: Vec<_> = person.chain(self.0.address.iter().rev()).collect();
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

/// Refuses requests of an address that sends too many, and lets [`Meter::count_person`] refuse those of a
/// person.
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
    let meter = Meter::new(limiter, class, client.into());
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
