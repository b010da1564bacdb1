//! Page tokens and sync tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{caller::Params, error::ApiError};
use crate::state::{State, hex};

/// Where a later question starts.
#[derive(Serialize, Deserialize)]
pub(crate) struct SyncToken {
    /// What it is good for: a calendar, or a list of calendars.
    pub(crate) of: String,
    pub(crate) version: u64,
    pub(crate) generation: u64,
    pub(crate) single: bool,
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) to: Option<DateTime<Utc>>,
}

/// Where the next page starts.
#[derive(Serialize, Deserialize)]
struct PageToken {
    after: String,
    /// The version at the first page: the sync token of the last page speaks from there.
    version: u64,
    /// Tells whether it's the same question.
    question: String,
}

/// A part of a long answer.
pub(crate) struct Page {
    pub(crate) items: Vec<Value>,
    /// The next page, or the version from which to sync.
    pub(crate) next: Result<String, u64>,
}

fn encode(token: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(token).unwrap_or_default())
}

fn decode<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

impl SyncToken {
    pub(crate) fn encode(&self) -> String {
        encode(self)
    }

    /// Reads a token: 400 if it was never one, 410 if it has expired.
    pub(crate) fn decode(text: &str, of: &str, state: &State) -> Result<Self, ApiError> {
        let token: Self = decode(text)
            .filter(|token: &Self| token.of == of)
            .ok_or_else(|| ApiError::invalid("Invalid sync token value.").parameter("syncToken"))?;
        if token.generation != state.generation || token.version > state.version {
            return Err(ApiError::new(
                410,
                "fullSyncRequired",
                "Sync token is no longer valid, a full sync is required.",
            )
            .parameter("syncToken"));
        }
        Ok(token)
    }
}

/// Cuts the page that the parameters ask for out of a sorted answer.
pub(crate) fn page(
    params: &Params,
    question: &str,
    size: usize,
    version: u64,
    mut found: Vec<(String, Value)>,
) -> Result<Page, ApiError> {
    let question = question_mark(question);
    let mut version = version;
    if let Some(text) = params.get("pageToken") {
        let token: PageToken = decode(text)
            .filter(|token: &PageToken| token.question == question)
            .ok_or_else(|| ApiError::invalid("Invalid page token value.").parameter("pageToken"))?;
        found.retain(|(key, _)| *key > token.after);
        version = token.version;
    }
    let next = if found.len() <= size {
        Err(version)
    } else {
        found.truncate(size);
        let after = found.last().map(|(key, _)| key.clone()).unwrap_or_default();
        Ok(encode(&PageToken {
            after,
            version,
            question,
        }))
    };
    let items = found.into_iter().map(|(_, item)| item).collect();
    Ok(Page { items, next })
}

fn question_mark(question: &str) -> String {
    hex(&Sha256::digest(question.as_bytes()), 8)
}
