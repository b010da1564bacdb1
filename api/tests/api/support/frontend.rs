//! A frontend on another site.

use super::Answer;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use url::Url;

pub const FRONTEND: &str = "https://app.example.org";

/// To where people come back, by the configuration of all tests.
pub const BACK: &str = "https://app.example.org/signed-in?from=api";

pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub fn challenge() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

pub fn location(answer: &Answer) -> Url {
    answer.target().parse().unwrap()
}

pub fn parameters(url: &Url) -> HashMap<String, String> {
    url.query_pairs().into_owned().collect()
}
