//! Meet links.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::error::ApiError;
use crate::types::Meets;

/// Applies the `conferenceData` of a request to an event's fields.
///
/// Version 0 ignores what the request says. A `createRequest` with the id of the last one is ignored too.
pub(crate) fn apply(
    version: i64,
    given: &Map<String, Value>,
    before: Option<&Map<String, Value>>,
    fields: &mut Map<String, Value>,
    (seed, meets): (&str, Meets),
) -> Result<(), ApiError> {
    let old = before.and_then(|before| before.get("conferenceData"));
    let wanted = given.get("conferenceData").filter(|_| version > 0);
    let data = match wanted {
        None => old.cloned(),
        Some(Value::Null) => None,
        Some(Value::Object(data)) => match data.get("createRequest") {
            Some(request) if !request.is_null() => {
                let same = old
                    .is_some_and(|old| old["createRequest"]["requestId"] == request["requestId"]);
                if same {
                    old.cloned()
                } else {
                    Some(create(request, seed, meets)?)
                }
            }
            _ => keep(data),
        },
        Some(_) => return Err(ApiError::invalid("Invalid conference data.")),
    };
    match data {
        None => {
            fields.remove("conferenceData");
            fields.remove("hangoutLink");
        }
        Some(data) => set(fields, data),
    }
    Ok(())
}

fn set(fields: &mut Map<String, Value>, data: Value) {
    if let Some(uri) = video_uri(&data) {
        fields.insert("hangoutLink".to_owned(), uri);
    }
    fields.insert("conferenceData".to_owned(), data);
}

/// Makes the conference that is pending, or lets it fail; whether one was.
pub(crate) fn settle(fields: &mut Map<String, Value>, seed: &str, succeeds: bool) -> bool {
    let request = fields
        .get("conferenceData")
        .map(|data| data["createRequest"].clone());
    let is_pending = |request: &Value| request["status"]["statusCode"] == "pending";
    let Some(mut request) = request.filter(is_pending) else {
        return false;
    };
    let data = if succeeds {
        made(request, seed)
    } else {
        request["status"]["statusCode"] = json!("failure");
        json!({ "createRequest": request })
    };
    set(fields, data);
    true
}

fn video_uri(data: &Value) -> Option<Value> {
    let points = data.get("entryPoints")?.as_array()?;
    let video = points
        .iter()
        .find(|point| point["entryPointType"] == "video")?;
    video.get("uri").filter(|uri| uri.is_string()).cloned()
}

/// A conference copied from another event.
fn keep(data: &Map<String, Value>) -> Option<Value> {
    let known = [
        "conferenceId",
        "conferenceSolution",
        "entryPoints",
        "notes",
        "signature",
    ];
    let kept: Map<String, Value> = known
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), data.get(name)?.clone())))
        .collect();
    (!kept.is_empty()).then_some(Value::Object(kept))
}

fn create(request: &Value, seed: &str, meets: Meets) -> Result<Value, ApiError> {
    let id = request
        .get("requestId")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty())
        .ok_or_else(|| ApiError::required("Missing conference request id."))?;
    let kind = request["conferenceSolutionKey"]["type"].as_str();
    if meets == Meets::Refused || !matches!(kind, None | Some("hangoutsMeet")) {
        return Err(ApiError::invalid("Invalid conference type value."));
    }
    let request = json!({
        "requestId": id,
        "conferenceSolutionKey": {"type": "hangoutsMeet"},
        "status": {"statusCode": "pending"},
    });
    Ok(match meets {
        Meets::Pending => json!({ "createRequest": request }),
        Meets::AtOnce | Meets::Refused => made(request, seed),
    })
}

/// The conference for which this request asks.
fn made(mut request: Value, seed: &str) -> Value {
    let id = request["requestId"].as_str().unwrap_or_default();
    let code = code(&format!("{seed} {id}"));
    let uri = format!("https://meet.google.com/{code}");
    request["status"]["statusCode"] = json!("success");
    json!({
        "createRequest": request,
        "conferenceId": code,
        "conferenceSolution": {
            "key": {"type": "hangoutsMeet"},
            "name": "Google Meet",
            "iconUri": "https://fonts.gstatic.com/s/i/productlogos/meet_2020q4/v6/web-512dp/logo_meet_2020q4_color_2x_web_512dp.png",
        },
        "entryPoints": [{"entryPointType": "video", "uri": uri, "label": format!("meet.google.com/{code}")}],
    })
}

/// A meeting code like `abc-defg-hij`.
fn code(seed: &str) -> String {
    let letters: String = Sha256::digest(seed.as_bytes())
        .iter()
        .take(10)
        .map(|byte| char::from(b'a' + byte % 26))
        .collect();
    let (first, rest) = letters.split_at(3);
    let (middle, last) = rest.split_at(4);
    format!("{first}-{middle}-{last}")
}
