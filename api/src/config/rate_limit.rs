//! How often one may ask, and who is asking.

use super::Vars;
use ipnet::IpNet;
use std::{net::IpAddr, num::NonZeroU32, time::Duration};

/// How long a request waits for Redis.
const PATIENCE: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub struct RateLimits {
    /// None: nobody is limited.
    pub budgets: Option<Budgets>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where all instances count together; none: each counts for itself.
    pub shared: Option<SharedBudgets>,
}

/// A Redis that counts for all instances.
#[derive(Clone, Debug)]
pub struct SharedBudgets {
    /// What is shown of it for debugging leaves the password out.
    pub redis: redis::Client,
    /// How long a request waits for it to connect, and then for its answer, before its instance counts alone.
    pub patience: Duration,
}

/// Requests per minute. All of them may come at once.
#[derive(Clone, Debug)]
pub struct Budgets {
    /// Of everybody at one address together.
    pub address: NonZeroU32,
    /// Of everybody at one address together, for signing in.
    pub sign_in: NonZeroU32,
    /// Of one person, for finding slots.
    pub search: NonZeroU32,
    /// Of one person, for all other reading.
    pub read: NonZeroU32,
    /// Of one person, for changes.
    pub write: NonZeroU32,
}

impl RateLimits {
    /// `RATE_LIMIT_SEARCH`: 120 when not set. `RATE_LIMIT_READ`: 300 when not set.
    /// `RATE_LIMIT_WRITE`: 60 when not set. Requests per minute of one person, in each instance.
    /// `RATE_LIMIT_ADDRESS`: 3000 when not set; requests per minute of one address over everything
    /// under `/v1`.
    /// `RATE_LIMIT_SIGN_IN`: 120 when not set; the same for signing in, which takes two requests. Both leave
    /// room for a school behind one address.
    /// `RATE_LIMITS`: `off` limits nobody, for load tests and behind a gateway that limits; `on` when not set.
    /// `TRUSTED_PROXIES`: addresses and networks such as `10.0.0.0/8,192.0.2.7` whose `X-Forwarded-For` is
    /// believed; none when not set. Clients behind any other proxy count as one address.
    /// `REDIS_URL`: `redis://user:password@host:port/database`, or `rediss://` for TLS: where all instances
    /// count together. When not set, each counts for itself.
    pub fn load(vars: &mut Vars<'_>) -> Self {
        let budgets = Budgets {
            address: budget(vars, "RATE_LIMIT_ADDRESS", 3000),
            sign_in: budget(vars, "RATE_LIMIT_SIGN_IN", 120),
            search: budget(vars, "RATE_LIMIT_SEARCH", 120),
            read: budget(vars, "RATE_LIMIT_READ", 300),
            write: budget(vars, "RATE_LIMIT_WRITE", 60),
        };
        let is_off = match vars.text("RATE_LIMITS").as_deref() {
            None | Some("on") => false,
            Some("off") => true,
            Some(_) => {
                vars.mistake("RATE_LIMITS", "must be on or off");
                false
            }
        };
        Self {
            budgets: (!is_off).then_some(budgets),
            trusted_proxies: trusted_proxies(vars),
            shared: shared(vars),
        }
    }
}

fn budget(vars: &mut Vars<'_>, name: &str, default: u32) -> NonZeroU32 {
    let number = vars.number(name, default, 1..=1_000_000);
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

fn trusted_proxies(vars: &mut Vars<'_>) -> Vec<IpNet> {
    let text = vars.text("TRUSTED_PROXIES").unwrap_or_default();
    let parts = text.split(',').map(str::trim);
    let networks: Option<Vec<_>> = parts.filter(|part| !part.is_empty()).map(network).collect();
    networks.unwrap_or_else(|| {
        let what =
            "must be addresses or networks, such as 10.0.0.0/8,192.0.2.7, and not all there are";
        vars.mistake("TRUSTED_PROXIES", what);
        Vec::new()
    })
}

fn shared(vars: &mut Vars<'_>) -> Option<SharedBudgets> {
    let url = vars.text("REDIS_URL")?;
    let is_redis = url.starts_with("redis://") || url.starts_with("rediss://");
    let client = redis::Client::open(url).ok().filter(|_| is_redis);
    if client.is_none() {
        let what = "must be redis://user:password@host:port/database, or rediss:// for TLS";
        vars.mistake("REDIS_URL", what);
    }
    client.map(|redis| SharedBudgets {
        redis,
        patience: PATIENCE,
    })
}

/// Who trusts everybody believes what the client itself wrote, so that is not to be had.
fn network(text: &str) -> Option<IpNet> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => address.into(),
        Err(_) => text.parse::<IpNet>().ok()?,
    };
    (network.prefix_len() > 0).then_some(network)
}
