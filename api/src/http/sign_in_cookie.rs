//! The cookies of sign-ins under way, one for each attempt.

use super::auth::CookieName;
use crate::{
    app::App,
    service::sign_in::{Started, TIME_LIMIT},
};
use axum_extra::extract::cookie::CookieJar;
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// How many attempts a browser carries at most: they are sent along with every request.
const MOST: usize = 4;

/// What tells attempts of one browser apart. It follows from the `state`, and says nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt(u32);

impl Attempt {
    /// The attempt that has this `state`.
    pub fn with(state: &str) -> Self {
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(state));
        Self(u32::from_be_bytes([a, b, c, d]))
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl FromStr for Attempt {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u32::from_str_radix(text, 16).map(Self)
    }
}

/// Lets the browser carry an attempt that has just begun. Where that makes too many, the others are given up.
pub fn carry(app: &App, jar: CookieJar, started: Started) -> CookieJar {
    let new = Attempt::with(&started.state);
    let others = attempts(app, &jar);
    let cookie = CookieName::SignIn(new).make(app, started.sealed, TIME_LIMIT.num_seconds());
    let jar = jar.add(cookie);
    if others.len() < MOST {
        return jar;
    }
    let clear = |jar: CookieJar, old| jar.add(CookieName::SignIn(old).clear(app));
    others
        .into_iter()
        .filter(|old| *old != new)
        .fold(jar, clear)
}

fn attempts(app: &App, jar: &CookieJar) -> Vec<Attempt> {
    let prefix = format!("{}sign-in-", CookieName::prefix(app));
    let names = jar
        .iter()
        .filter_map(|cookie| cookie.name().strip_prefix(&prefix));
    // What is not written as we write it is not ours.
    names
        .filter_map(|name| {
            name.parse()
                .ok()
                .filter(|a: &Attempt| a.to_string() == name)
        })
        .collect()
}
