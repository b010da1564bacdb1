//! How often one may ask.

mod shared;

use crate::support::{Answer, Centre, ENOUGH, Person, TestApp, budgets};
use api::config::Budgets;
use chrono::TimeDelta;
use reqwest::{
    Method,
    header::{HeaderMap, HeaderValue},
};
use serde_json::{Value, json};
use std::num::NonZeroU32;

/// A server with budgets that differ from more than enough, and proxies that it trusts.
async fn start(change: impl FnOnce(&mut Budgets), trusted_proxies: &[&str]) -> TestApp {
    let mut changed = budgets(ENOUGH);
    change(&mut changed);
    TestApp::start_with(|config| {
        config.rate_limits.budgets = Some(changed);
        let proxies = trusted_proxies
            .iter()
            .map(|network| network.parse().unwrap());
        config.rate_limits.trusted_proxies = proxies.collect();
    })
    .await
}

fn per_minute(requests: u32) -> NonZeroU32 {
    NonZeroU32::new(requests).unwrap()
}

#[track_caller]
fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers[name].to_str().unwrap()
}

#[track_caller]
fn refused(answer: Answer, seconds: u64) -> HeaderMap {
    let headers = answer.headers.clone();
    assert_eq!(header(&headers, "retry-after"), seconds.to_string());
    assert_eq!(header(&headers, "cache-control"), "no-store");
    let detail = answer.expect_problem(429, "rate_limited")["detail"].clone();
    let told = detail.as_str().unwrap();
    assert!(told.contains(&format!(" {seconds} second")), "{told}");
    headers
}

/// A request without a session, by way of proxies that wrote these lines.
async fn forwarded(person: &Person, lines: &[&[u8]]) -> Answer {
    let request = person.request(Method::GET, "/v1/me");
    let request = lines.iter().fold(request, |request, line| {
        request.header("x-forwarded-for", HeaderValue::from_bytes(line).unwrap())
    });
    person.send(request).await
}

#[tokio::test]
async fn who_has_used_up_a_budget_waits_and_nobody_else_does() {
    let test = start(|all| all.read = per_minute(3), &[]).await;
    let (sam, olga) = (test.student("Sam").await, test.student("Olga").await);
    for remaining in [2, 1, 0] {
        let answer = sam.get("/v1/me").await;
        let limit = header(&answer.headers, "ratelimit").to_owned();
        assert!(limit.starts_with(&format!("\"read\";r={remaining};t=20, \"address\";r=9999")));
        let policy = "\"read\";q=3;w=60, \"address\";q=1000000;w=60";
        assert_eq!(header(&answer.headers, "ratelimit-policy"), policy);
        answer.expect(200);
    }

    test.pass(TimeDelta::milliseconds(100));
    let headers = refused(sam.get("/v1/subjects").await, 20);
    let limit = header(&headers, "ratelimit");
    assert!(
        limit.starts_with("\"read\";r=0;t=20, \"address\";"),
        "{limit}"
    );
    olga.get("/v1/me").await.expect(200);
    let slots = format!("/v1/tutors/{}/slots", uuid::Uuid::nil());
    sam.get(&slots).await.expect_problem(422, "invalid_fields");

    test.pass(TimeDelta::milliseconds(19_899));
    refused(sam.get("/v1/me").await, 1);
    test.pass(TimeDelta::milliseconds(1));
    sam.get("/v1/me").await.expect(200);
    refused(sam.get("/v1/me").await, 20);
    test.pass(TimeDelta::minutes(1));
    for _ in 0..3 {
        sam.get("/v1/me").await.expect(200);
    }
}

#[tokio::test]
async fn two_sessions_of_one_person_share_a_budget() {
    let test = start(|all| all.read = per_minute(2), &[]).await;
    let laptop = test.student("Sam").await;
    let phone = test.sign_in("sam@example.com").await;
    laptop.get("/v1/me").await.expect(200);
    phone.get("/v1/me").await.expect(200);
    refused(laptop.get("/v1/me").await, 30);
    refused(phone.get("/v1/me").await, 30);
}

#[tokio::test]
async fn signing_in_has_a_budget_of_the_address() {
    let test = start(|all| all.sign_in = per_minute(4), &[]).await;
    let sam = test.student("Sam").await;
    let olga = test.student("Olga").await;
    for path in ["/v1/auth/sign-in", "/v1/auth/callback"] {
        for person in [&sam, &test.stranger()] {
            let headers = refused(person.get(path).await, 15);
            let limit = header(&headers, "ratelimit");
            assert!(
                limit.starts_with("\"sign_in\";r=0;t=15, \"address\";"),
                "{limit}"
            );
        }
    }
    olga.get("/v1/me").await.expect(200);
    olga.post("/v1/auth/sign-out", &json!({})).await.expect(204);
    test.pass(TimeDelta::seconds(30));
    test.student("Lena").await.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn all_ways_to_ask_for_slots_share_a_budget() {
    let test = start(|all| all.search = per_minute(4), &[]).await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let window = "minutes=60&from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z";
    let ways = [
        format!("/v1/slots?subject=mathematics&{window}"),
        "/v1/slots/next?subject=mathematics&minutes=60".to_owned(),
        tutor.path(&format!("/slots?{window}")),
        tutor.path("/slots/explain?minutes=60&start=2027-03-02T09:00:00Z"),
    ];
    for (way, remaining) in ways.iter().zip([3, 2, 1, 0]) {
        let answer = sam.get(way).await;
        let limit = header(&answer.headers, "ratelimit").to_owned();
        let expected = format!("\"search\";r={remaining};");
        assert!(limit.starts_with(&expected), "{way}: {limit}");
        answer.expect(200);
    }
    for way in &ways {
        refused(sam.get(way).await, 15);
    }
    sam.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn what_anybody_writes_into_x_forwarded_for_makes_no_other_client_of_them() {
    for trusted in [&[][..], &["192.0.2.0/24"]] {
        let test = start(|all| all.address = per_minute(2), trusted).await;
        let stranger = test.stranger();
        for made_up in ["203.0.113.1", "192.0.2.1"] {
            let answer = forwarded(&stranger, &[made_up.as_bytes()]).await;
            answer.expect_problem(401, "not_signed_in");
        }
        refused(forwarded(&stranger, &[b"203.0.113.3"]).await, 30);
        refused(forwarded(&stranger, &[]).await, 30);
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_who_the_client_is() {
    let trusted = ["127.0.0.0/8", "10.0.0.0/8"];
    let test = start(|all| all.address = per_minute(1), &trusted).await;
    let stranger = test.stranger();
    // Each of the first is another client than all before it, and those after it are the same one.
    let clients: [&[&[&[u8]]]; 5] = [
        &[
            &[b"203.0.113.1"],
            &[b"198.51.100.9, 203.0.113.1"],
            &[b"198.51.100.9,203.0.113.1 , 10.0.0.7"],
            &[b"198.51.100.9", b"203.0.113.1", b"10.0.0.7"],
            &[b"198.51.100.9, 203.0.113.1:5000"],
            &[b"\xff, junk, 203.0.113.1"],
            &[b"::ffff:203.0.113.1"],
        ],
        &[&[b"203.0.113.2"]],
        // Malformed: no further than the proxy that passed it on.
        &[
            &[b"203.0.113.3, junk"],
            &[b""],
            &[b"203.0.113.4, \xff"],
            &[],
        ],
        &[
            &[b"junk, 10.0.0.7"],
            &[b"10.0.0.7"],
            &[b"203.0.113.5,,10.0.0.7"],
        ],
        &[&[b"[2001:db8::1]:443"], &[b"2001:db8::1"]],
    ];
    for client in clients {
        for (at, lines) in client.iter().enumerate() {
            let status = forwarded(&stranger, lines).await.status.as_u16();
            let expected = if at == 0 { 401 } else { 429 };
            assert_eq!(status, expected, "{client:?} at {at}");
        }
    }
}

#[tokio::test]
async fn addresses_of_ip_version_6_are_counted_by_their_first_64_bits() {
    let test = start(|all| all.address = per_minute(1), &["127.0.0.1/32"]).await;
    let stranger = test.stranger();
    for (address, status) in [
        ("2001:db8:1:2::1", 401),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", 429),
        ("2001:db8:1:3::1", 401),
        ("2001:db8:2:2::1", 401),
    ] {
        let answer = forwarded(&stranger, &[address.as_bytes()]).await;
        assert_eq!(answer.status, status, "{address}");
    }
}

/// Else a flood of made-up sessions would be one of queries.
#[tokio::test]
async fn an_address_that_has_used_up_its_budget_reaches_no_table() {
    let test = start(|all| all.address = per_minute(2), &[]).await;
    let mut liar = test.stranger();
    liar.set_cookie("session", "made-up");
    test.execute("ALTER TABLE sessions RENAME TO sessions_elsewhere")
        .await;
    for _ in 0..2 {
        liar.get("/v1/me").await.expect_problem(500, "internal");
    }
    let headers = refused(liar.get("/v1/me").await, 30);
    assert_eq!(header(&headers, "ratelimit"), "\"address\";r=0;t=30");
}

#[tokio::test]
async fn probes_and_the_documentation_are_not_limited() {
    let test = start(|all| *all = budgets(1), &[]).await;
    let stranger = test.stranger();
    stranger
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    refused(stranger.get("/v1/me").await, 60);
    for path in ["/livez", "/readyz", "/openapi.json", "/docs/"] {
        for _ in 0..3 {
            let answer = stranger.get(path).await;
            assert!(!answer.headers.contains_key("ratelimit"), "{path}");
            answer.expect(200);
        }
    }
}

#[tokio::test]
async fn what_is_refused_is_not_done_and_may_be_repeated_with_its_key() {
    let test = start(|all| all.write = per_minute(1), &[]).await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let first = tutor.lesson("2027-03-02T08:00:00Z", 60);
    sam.post("/v1/bookings", &first).await.expect(201);

    let wanted = tutor.lesson("2027-03-02T09:00:00Z", 60);
    let with_key = async || {
        let request = sam.request(Method::POST, "/v1/bookings");
        sam.send(request.header("idempotency-key", "k").json(&wanted))
            .await
    };
    refused(with_key().await, 60);
    assert_eq!(test.count("SELECT count(*) FROM bookings").await, 1);
    assert_eq!(test.count("SELECT count(*) FROM idempotency_keys").await, 0);

    test.pass(TimeDelta::minutes(1));
    let answer = with_key().await;
    assert!(!answer.headers.contains_key("idempotent-replayed"));
    answer.expect(201);
}

/// Those that are replayed too: a loop that repeats a request is one that should slow down.
#[tokio::test]
async fn repeating_a_request_by_its_key_counts() {
    let test = start(|all| all.write = per_minute(2), &[]).await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let wanted = tutor.lesson("2027-03-02T08:00:00Z", 60);
    for remaining in [1, 0] {
        let request = sam.request(Method::POST, "/v1/bookings");
        let answer = sam
            .send(request.header("idempotency-key", "k").json(&wanted))
            .await;
        let limit = header(&answer.headers, "ratelimit").to_owned();
        assert!(
            limit.starts_with(&format!("\"write\";r={remaining};")),
            "{limit}"
        );
        answer.expect(201);
    }
}

#[tokio::test]
async fn limits_can_be_switched_off() {
    let test = TestApp::start_with(|config| config.rate_limits.budgets = None).await;
    let answer = test.student("Sam").await.get("/v1/me").await;
    assert!(!answer.headers.contains_key("ratelimit"));
    assert!(!answer.headers.contains_key("ratelimit-policy"));
    answer.expect(200);
}

/// What the document says of each operation is what its answers say.
#[tokio::test]
async fn an_operation_is_limited_exactly_if_the_document_says_so_and_by_the_budget_that_it_names() {
    let document = serde_json::to_value(api::http::document()).unwrap();
    let test = TestApp::start().await;
    let sam = test.student("Sam").await;
    test.add_account("Olga");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((path, method, operation));
        }
    }
    for (path, method, operation) in operations {
        let id = operation["operationId"].as_str().unwrap();
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let path = path.replace("{id}", &uuid::Uuid::nil().to_string());
        // Some end the session.
        let sam = if operation["tags"] == json!(["me"]) || operation["tags"] == json!(["auth"]) {
            &test.sign_in("olga@example.com").await
        } else {
            &sam
        };
        let answer = sam.send(sam.request(method, &path).json(&json!({}))).await;
        let budget = answer.headers.get("ratelimit").map(|value| {
            let (name, _) = value.to_str().unwrap()[1..].split_once('"').unwrap();
            name.to_owned()
        });
        assert_eq!(budget, documented_budget(&document, id), "{id}");
        let reference = budget.map(|_| json!({"$ref": "#/components/responses/RateLimited"}));
        assert_eq!(
            operation["responses"].get("429"),
            reference.as_ref(),
            "{id}"
        );
    }
}

/// The row of the description's table in which the operation stands.
fn documented_budget(document: &Value, id: &str) -> Option<String> {
    let description = document["info"]["description"].as_str().unwrap();
    let (_, table) = description.split_once("| budget |").unwrap();
    let mut rows = table.lines().map(|row| row.split('`').collect::<Vec<_>>());
    let row = rows.find(|row| row.iter().skip(3).any(|name| *name == id))?;
    Some(row[1].to_owned())
}

#[test]
fn the_document_describes_the_refusal_and_its_headers() {
    let document = serde_json::to_value(api::http::document()).unwrap();
    let refusal = &document["components"]["responses"]["RateLimited"];
    let example = &refusal["content"]["application/problem+json"]["example"];
    assert_eq!(example["code"], "rate_limited");
    for name in ["RateLimit", "RateLimit-Policy", "Retry-After"] {
        let reference = format!("#/components/headers/{name}");
        assert_eq!(refusal["headers"][name]["$ref"], reference);
        assert!(document["components"]["headers"][name]["description"].is_string());
    }
}
