//! Signing in and out, and what a session may do.

use crate::support::{Centre, Person, TestApp, email};
use ::entity::{identity, session};
use chrono::TimeDelta;
use google_sandbox::{Consent, Effect, Failure, Target};
use reqwest::{Method, header};
use sea_orm::EntityTrait;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, time::Duration};
use url::Url;

const CALLBACK: &str = "/v1/auth/callback";
const FAILED: &str = "/docs/?sign_in_error=sign_in_failed";
const UNAVAILABLE: &str = "/docs/?sign_in_error=provider_unavailable";

fn query(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

/// The address with one query parameter replaced.
fn with(url: &Url, name: &str, value: &str) -> Url {
    let pairs = query(url).into_iter().filter(|(key, _)| key != name);
    let mut changed = url.clone();
    changed
        .query_pairs_mut()
        .clear()
        .extend_pairs(pairs)
        .append_pair(name, value);
    changed
}

/// A sign-in from which the provider has just sent the browser back.
async fn about_to_return(test: &TestApp, name: &str) -> (Person, Url) {
    test.add_account(name);
    let mut person = test.stranger();
    let target = person.start_sign_in().await;
    let back = test.google.authorize(&target, &email(name), Consent::All);
    (person, back.unwrap())
}

#[track_caller]
fn assert_signed_out(person: &Person) {
    assert_eq!(person.cookie("session"), None);
}

#[tokio::test]
async fn whoever_signs_in_first_becomes_a_student_in_the_zone_of_the_centre() {
    let test = TestApp::start_with(|config| {
        config.centre.time_zone = chrono_tz::America::New_York;
    })
    .await;
    let me = test.student("Sam").await.get("/v1/me").await.expect(200);
    assert_eq!(me["name"], "Sam");
    assert_eq!(me["email"], email("Sam"));
    assert_eq!(me["roles"], json!(["student"]));
    assert_eq!(me["time_zone"], "America/New_York");
    assert_eq!(me["tutor_id"], json!(null));
}

#[tokio::test]
async fn the_subject_decides_who_it_is_and_not_name_or_address() {
    let test = TestApp::start().await;
    let first = test.student("Sam").await.get("/v1/me").await.expect(200);
    // As if the account had had another address and name when it signed in first.
    test.execute("UPDATE users SET name = 'Samuel', email = 'old@example.com'")
        .await;
    test.execute("UPDATE identities SET email = 'old@example.com'")
        .await;
    let again = test.sign_in(&email("Sam")).await;
    let second = again.get("/v1/me").await.expect(200);
    assert_eq!(second["id"], first["id"]);
    assert_eq!(second["name"], "Samuel", "the name is the person's own");
    assert_eq!(second["email"], email("Sam"), "the address follows");
    assert_eq!(test.count("SELECT count(*) FROM users").await, 1);

    // Another account that has got the same address is another person.
    test.execute("UPDATE identities SET subject = '42'").await;
    let other = test.sign_in(&email("Sam")).await;
    assert_ne!(other.get("/v1/me").await.expect(200)["id"], first["id"]);
}

#[tokio::test]
async fn sign_in_asks_who_it_is_and_nothing_else() {
    let test = TestApp::start().await;
    let target = test.stranger().start_sign_in().await;
    let asked = query(&target);
    assert_eq!(asked["scope"], "openid email profile");
    assert_eq!(asked["response_type"], "code");
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["code_challenge"].len(), 43);
    assert!(asked["state"].len() >= 20);
    assert!(asked["nonce"].len() >= 20);
    assert_eq!(
        asked["redirect_uri"],
        test.base.join(CALLBACK).unwrap().as_str()
    );
    for name in ["access_type", "prompt", "code_verifier", "client_secret"] {
        assert!(!asked.contains_key(name), "{name}");
    }
    let again = query(&test.stranger().start_sign_in().await);
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(asked[name], again[name], "{name}");
    }
}

#[tokio::test]
async fn cookies_are_closed_to_scripts_and_to_other_sites() {
    let test = TestApp::start().await;
    let (mut person, back) = about_to_return(&test, "Sam").await;
    let answer = person.follow(&back).await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(answer.headers[header::REFERRER_POLICY], "no-referrer");
    assert_eq!(answer.headers[header::LOCATION], "/docs/");
    let cookies = cookies(&answer.headers);
    let session = &cookies["session"];
    assert_eq!(session.http_only(), Some(true));
    assert_eq!(session.same_site(), Some(cookie::SameSite::Lax));
    assert_eq!(session.path(), Some("/"));
    assert_eq!(session.domain(), None);
    assert_eq!(session.secure(), None, "plain http on loopback");
    assert_eq!(session.max_age(), Some(cookie::time::Duration::days(30)));
    let (_, sign_in) = cookies
        .iter()
        .find(|(name, _)| name.starts_with("sign-in-"))
        .unwrap();
    assert_eq!(sign_in.max_age(), Some(cookie::time::Duration::ZERO));
}

#[tokio::test]
async fn under_https_cookies_are_bound_to_the_host() {
    let test = TestApp::start_with(|config| {
        config.server.public_url = "https://book.example.org".parse().unwrap();
    })
    .await;
    let callback = format!("https://book.example.org{CALLBACK}");
    let google = &test.app.config.google;
    test.google
        .add_redirect_uri(&google.as_ref().unwrap().client_id, &callback);
    test.add_account("Sam");

    let mut person = test.stranger();
    let started = person.get("/v1/auth/sign-in").await;
    let (name, sign_in) = cookies(&started.headers).pop_first().unwrap();
    assert!(name.starts_with("__Host-sign-in-"), "{name}");
    person.set_cookie(&name, sign_in.value());
    let target: Url = started.target().parse().unwrap();
    let back = test
        .google
        .authorize(&target, &email("Sam"), Consent::All)
        .unwrap();
    assert!(back.as_str().starts_with(&callback));
    let answer = person.follow(&back).await;
    let session = &cookies(&answer.headers)["__Host-session"];
    for cookie in [&sign_in, session] {
        assert_eq!(cookie.secure(), Some(true));
        assert_eq!(cookie.http_only(), Some(true));
        assert_eq!(cookie.same_site(), Some(cookie::SameSite::Lax));
        assert_eq!(cookie.path(), Some("/"));
        assert_eq!(cookie.domain(), None);
    }
    person.get("/v1/me").await.expect(200);

    // Without its prefix any host next door could have set it.
    let mut planted = test.stranger();
    planted.set_cookie("session", session.value());
    planted
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
}

fn cookies(headers: &header::HeaderMap) -> BTreeMap<String, cookie::Cookie<'static>> {
    let all = headers.get_all(header::SET_COOKIE).iter();
    all.map(|text| cookie::Cookie::parse(text.to_str().unwrap().to_owned()).unwrap())
        .map(|cookie| (cookie.name().to_owned(), cookie))
        .collect()
}

#[tokio::test]
async fn who_cancels_at_the_provider_comes_back_signed_out() {
    let test = TestApp::start().await;
    for (return_to, expected) in [
        ("/docs/", "/docs/?sign_in_error=access_denied"),
        ("/a?b=c#d", "/a?b=c&sign_in_error=access_denied#d"),
    ] {
        let mut person = test.stranger();
        let mut path = test.base.join("/v1/auth/sign-in").unwrap();
        path.query_pairs_mut().append_pair("return_to", return_to);
        let sent = person.follow(&path).await;
        let target: Url = sent.headers[header::LOCATION]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        let back = test.google.authorize(&target, "nobody", Consent::Deny);
        let answer = person.follow(&back.unwrap()).await;
        assert_eq!(answer.headers[header::LOCATION], expected);
        answer.expect(303);
        assert_signed_out(&person);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_this_browsers_signs_nobody_in() {
    let test = TestApp::start().await;
    let (mut victim, back) = about_to_return(&test, "Vic").await;
    let (mut other, others_back) = about_to_return(&test, "Oskar").await;

    let wrong_state = with(&back, "state", "guessed");
    let answer = victim.follow(&wrong_state).await;
    answer.expect_problem(400, "sign_in_failed");
    let bare = test.base.join(CALLBACK).unwrap();
    let answer = victim.follow(&bare).await;
    answer.expect_problem(400, "sign_in_failed");

    // Without the cookie, and with that of another browser.
    let answer = test.stranger().follow(&back).await;
    answer.expect_problem(400, "sign_in_failed");
    let answer = other.follow(&back).await;
    answer.expect_problem(400, "sign_in_failed");

    // Somebody else's code slipped into this browser's sign-in.
    let code = &query(&others_back)["code"];
    let answer = victim.follow(&with(&back, "code", code)).await;
    assert_eq!(answer.target(), FAILED);

    for person in [&victim, &other] {
        assert_signed_out(person);
    }
    assert_eq!(test.count("SELECT count(*) FROM sessions").await, 0);
    assert_eq!(test.count("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn a_sign_in_works_once_and_within_fifteen_minutes() {
    let test = TestApp::start().await;
    let (mut person, back) = about_to_return(&test, "Sam").await;
    let [(name, sealed)] = person.sign_ins().try_into().unwrap();
    person.follow(&back).await.expect(303);
    let mut again = test.stranger();
    again.set_cookie(&name, &sealed);
    assert_eq!(again.follow(&back).await.target(), FAILED);
    assert_signed_out(&again);

    let mut slow = test.stranger();
    let target = slow.start_sign_in().await;
    test.pass(TimeDelta::minutes(15) + TimeDelta::seconds(1));
    let back = test.google.authorize(&target, &email("Sam"), Consent::All);
    assert_eq!(slow.follow(&back.unwrap()).await.target(), FAILED);
    assert_signed_out(&slow);

    let mut slow = test.stranger();
    let target = slow.start_sign_in().await;
    test.pass(TimeDelta::minutes(15));
    let back = test.google.authorize(&target, &email("Sam"), Consent::All);
    slow.follow(&back.unwrap()).await.expect(303);
}

#[tokio::test]
async fn a_sign_in_cookie_that_was_bent_is_of_no_use() {
    let test = TestApp::start().await;
    let (mut person, back) = about_to_return(&test, "Sam").await;
    let [(name, sealed)] = person.sign_ins().try_into().unwrap();
    let (key, bytes) = sealed.split_once('.').unwrap();
    let swapped = if bytes.starts_with('A') { "B" } else { "A" };
    for bent in [
        format!("{key}.{swapped}{}", &bytes[1..]),
        format!("other.{bytes}"),
        format!("{key}."),
        bytes.to_owned(),
        "x".repeat(4000),
    ] {
        person.set_cookie(&name, &bent);
        let answer = person.follow(&back).await;
        answer.expect_problem(400, "sign_in_failed");
    }
    assert_signed_out(&person);
    person.set_cookie(&name, &sealed);
    person.follow(&back).await.expect(303);
}

#[tokio::test]
async fn nobody_is_sent_on_to_another_site() {
    let test = TestApp::start().await;
    let mut person = test.stranger();
    for hostile in [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: session=x",
        "/\u{7f}",
        "javascript:alert(1)",
        "docs",
        "",
        // What is left of these once the dots are taken out.
        "/.//evil.example",
        "/a/..//evil.example",
        "/%2e//evil.example",
        "/..//evil.example/..",
    ] {
        let mut url = test.base.join("/v1/auth/sign-in").unwrap();
        url.query_pairs_mut().append_pair("return_to", hostile);
        let answer = person.follow(&url).await;
        let problem = answer.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], "return_to", "{hostile:?}");
    }
    assert!(person.sign_ins().is_empty());
}

#[tokio::test]
async fn two_first_sign_ins_at_once_make_one_user() {
    let test = TestApp::start().await;
    let (mut one, one_back) = about_to_return(&test, "Sam").await;
    let (mut two, two_back) = about_to_return(&test, "Sam").await;
    let (mut three, three_back) = about_to_return(&test, "Sam").await;
    let answers = tokio::join!(
        one.follow(&one_back),
        two.follow(&two_back),
        three.follow(&three_back)
    );
    for answer in [answers.0, answers.1, answers.2] {
        answer.expect(303);
    }
    let id = one.get("/v1/me").await.expect(200)["id"].clone();
    assert_eq!(two.get("/v1/me").await.expect(200)["id"], id);
    assert_eq!(three.get("/v1/me").await.expect(200)["id"], id);
    assert_eq!(test.count("SELECT count(*) FROM users").await, 1);
    assert_eq!(test.count("SELECT count(*) FROM identities").await, 1);
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server() {
    let test = TestApp::start().await;
    let phone = test.student("Sam").await;
    let laptop = test.sign_in(&email("Sam")).await;
    let answer = phone.post("/v1/auth/sign-out", &json!({})).await;
    let cleared = &cookies(&answer.headers)["session"];
    assert_eq!(cleared.max_age(), Some(cookie::time::Duration::ZERO));
    answer.expect(204);
    // The phone still holds the old cookie.
    phone
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    phone
        .post("/v1/auth/sign-out", &json!({}))
        .await
        .expect_problem(401, "not_signed_in");
    laptop.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let test = TestApp::start_with(|config| {
        config.server.session_lifetime = TimeDelta::days(2);
    })
    .await;
    let student = test.student("Sam").await;
    test.pass(TimeDelta::days(2) - TimeDelta::seconds(1));
    student.get("/v1/me").await.expect(200);
    test.pass(TimeDelta::seconds(1));
    student
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    test.sign_in(&email("Sam")).await;
    assert_eq!(
        test.count("SELECT count(*) FROM sessions").await,
        1,
        "what has expired is swept out"
    );
}

#[tokio::test]
async fn neither_session_tokens_nor_refresh_tokens_lie_in_the_database() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let token = tutor.person.cookie("session").unwrap();
    let stored = session::Entity::find()
        .one(&test.app.db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.token_hash, Sha256::digest(token).to_vec());
    // The sandbox's refresh tokens begin so, as Google's do.
    for table in [
        "users",
        "identities",
        "sessions",
        "google_grants",
        "jobs",
        "tutors",
    ] {
        for secret in [token, "1//0", "ya29."] {
            let hits = format!(
                "SELECT count(*) FROM {table} t WHERE strpos(to_jsonb(t)::text, '{secret}') > 0 \
                 OR strpos(to_jsonb(t)::text, encode('{secret}', 'hex')) > 0"
            );
            assert_eq!(test.count(&hits).await, 0, "{secret} in {table}");
        }
    }
    assert_eq!(test.count("SELECT count(*) FROM google_grants").await, 1);
}

#[tokio::test]
async fn a_cookie_that_is_no_session_is_nobody() {
    let test = TestApp::start().await;
    let student = test.student("Sam").await;
    let token = student.cookie("session").unwrap().to_owned();
    for wrong in ["", "x", &token[1..], &format!("{token}A"), "%00", "a b"] {
        let mut person = test.stranger();
        person.set_cookie("session", wrong);
        let answer = person.get("/v1/me").await;
        answer.expect_problem(401, "not_signed_in");
    }
}

#[tokio::test]
async fn an_id_token_that_proves_nothing_signs_nobody_in() {
    let test = TestApp::start().await;
    let (mut person, back) = about_to_return(&test, "Sam").await;
    // What the provider vouches for was true yesterday.
    test.google.set_clock(Some(test.now() - TimeDelta::days(1)));
    assert_eq!(person.follow(&back).await.target(), FAILED);
    assert_signed_out(&person);
    assert_eq!(test.count("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn identities_of_two_providers_with_the_same_subject_are_two_people() {
    let test = TestApp::start().await;
    let first = test.student("Sam").await.get("/v1/me").await.expect(200);
    test.execute("UPDATE identities SET issuer = 'https://keycloak.example.org'")
        .await;
    let other = test.sign_in(&email("Sam")).await;
    assert_ne!(other.get("/v1/me").await.expect(200)["id"], first["id"]);
    let all = identity::Entity::find().all(&test.app.db).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].subject, all[1].subject);
}

#[tokio::test]
async fn changes_are_accepted_from_pages_of_this_server_only() {
    let test = TestApp::start().await;
    let student = test.student("Sam").await;
    let own = test.base.origin().ascii_serialization();
    let foreign_port = "http://127.0.0.1:1";
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", foreign_port),
        ("origin", &format!("{own}.evil.example")),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for (method, path) in [
            (Method::POST, "/v1/auth/sign-out"),
            (Method::POST, "/v1/bookings"),
            (Method::DELETE, "/v1/calendar/connection"),
        ] {
            let request = student.request(method, path).header(name, value);
            let answer = student.send(request).await;
            answer.expect_problem(403, "cross_origin");
        }
        // Reading is another matter: the browser keeps the answer from the other page.
        let request = student.request(Method::GET, "/v1/me").header(name, value);
        student.send(request).await.expect(200);
    }
    // An origin that lies about the fetch metadata is still judged by the origin.
    let request = student
        .request(Method::POST, "/v1/auth/sign-out")
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "same-origin");
    let answer = student.send(request).await;
    answer.expect_problem(403, "cross_origin");
    let request = student
        .request(Method::POST, "/v1/auth/sign-out")
        .header("origin", own)
        .header("sec-fetch-site", "same-origin");
    student.send(request).await.expect(204);
}

#[tokio::test]
async fn while_the_provider_is_down_sign_in_says_so_and_afterwards_it_works() {
    let test = TestApp::start().await;
    test.google
        .fail_next(Failure::status(Target::Discovery, 500, "backendError").times(u32::MAX));
    let answer = test.stranger().get("/v1/auth/sign-in").await;
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    answer.expect_problem(503, "unavailable");
    // A browser is not left with JSON.
    let stranger = test.stranger();
    let request = stranger
        .request(Method::GET, "/v1/auth/sign-in")
        .header(header::ACCEPT, "text/html,*/*;q=0.8");
    assert_eq!(stranger.send(request).await.target(), UNAVAILABLE);
    test.google.clear_failures();

    for (target, status, reason) in [
        (Target::Token, 500, "backendError"),
        (Target::Token, 429, "rateLimitExceeded"),
        (Target::Jwks, 500, "backendError"),
    ] {
        let failure = Failure::status(target, status, reason);
        let (mut person, back) = about_to_return(&test, "Sam").await;
        test.google.fail_next(failure.times(u32::MAX));
        assert_eq!(person.follow(&back).await.target(), UNAVAILABLE);
        assert_signed_out(&person);
        test.google.clear_failures();
        // The attempt is over: once more from the start.
        let answer = person.follow(&back).await;
        answer.expect_problem(400, "sign_in_failed");
    }
    test.sign_in(&email("Sam")).await;
}

#[tokio::test]
async fn a_provider_that_hangs_is_not_waited_for_long() {
    let test = TestApp::start_with(|config| {
        let google = config.google.as_mut().unwrap();
        google.sign_in_limits.total = Duration::from_secs(1);
    })
    .await;
    let (mut person, back) = about_to_return(&test, "Sam").await;
    let hang = Effect::Hang(Duration::from_mins(10));
    test.google.fail_next(Failure::new(Target::Token, hang));
    assert_eq!(person.follow(&back).await.target(), UNAVAILABLE);
    assert_signed_out(&person);
}

#[tokio::test]
async fn where_sign_in_is_off_a_page_says_what_to_set() {
    let test = TestApp::start_with(|config| config.google = None).await;
    let person = test.stranger();
    let answer = person.get("/v1/auth/sign-in").await;
    let content_type = answer.headers[header::CONTENT_TYPE].to_str().unwrap();
    assert!(content_type.starts_with("text/html"));
    let page = answer.expect(503);
    for name in [
        "GOOGLE_CLIENT_ID",
        "GOOGLE_CLIENT_SECRET",
        "ENCRYPTION_KEYS",
    ] {
        assert!(page.as_str().unwrap().contains(name), "{name}");
    }
    let answer = person.get(CALLBACK).await;
    answer.expect_problem(400, "sign_in_failed");
}

#[tokio::test]
async fn opened_under_localhost_the_sign_in_goes_on_under_the_public_name() {
    let test = TestApp::start().await;
    let port = test.base.port().unwrap();
    let person = test.stranger();
    let path = "/v1/auth/sign-in?return_to=%2Fdocs%2F";
    let request = person
        .request(Method::GET, path)
        .header(header::HOST, format!("localhost:{port}"));
    let answer = person.send(request).await;
    assert_eq!(
        answer.headers[header::LOCATION],
        format!("http://127.0.0.1:{port}{path}")
    );
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
    answer.expect(303);
    // A name that is not ours says nothing about where the browser is.
    let request = person
        .request(Method::GET, path)
        .header(header::HOST, "evil.example");
    let answer = person.send(request).await;
    let target = answer.headers[header::LOCATION].to_str().unwrap();
    assert!(target.starts_with(&test.google.issuer()), "{target}");
}

#[tokio::test]
async fn unknown_parameters_are_refused_where_we_wrote_the_link_and_not_where_the_provider_did() {
    let test = TestApp::start().await;
    let answer = test.stranger().get("/v1/auth/sign-in?foo=1").await;
    assert!(answer.status.is_client_error());
    let (mut person, back) = about_to_return(&test, "Sam").await;
    person.follow(&with(&back, "foo", "1")).await.expect(303);
}
