//! A frontend on another site, which holds a token and no cookie, links accounts and connects calendars; and whoever lures
//! somebody else into it gets nothing.

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre, email,
    frontend::{BACK, VERIFIER, challenge, location, parameters},
    provider::{Account, Provider, SAM, start_with},
};
use chrono::TimeDelta;
use google_sandbox::{Consent, Failure, Target};
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

const LINK: &str = "/v1/me/identities";
const CALENDAR: &str = "/v1/calendar/connection";

/// Who held a session by a cookie, at a frontend with its token.
fn at_frontend(test: &TestApp, person: &Person) -> Person {
    Person::with_bearer(test, person.cookie("session").unwrap())
}

fn wanted(what: &str) -> Value {
    let mut wanted =
        json!({"redirect_uri": BACK, "code_challenge": challenge(), "state": "s t&te"});
    if what == LINK {
        wanted["provider"] = json!("school");
    }
    wanted
}

/// Asks for one or the other; to where to send the browser.
async fn ask(frontend: &Person, what: &str) -> Url {
    let path = format!("{what}/authorize");
    let asked = frontend.post(&path, &wanted(what)).await.expect(200);
    asked["authorization_url"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// A browser goes to an address and agrees at the provider; to where it comes.
async fn agree(browser: &mut Person, url: &Url, agreed: impl FnOnce(&Url) -> Url) -> Url {
    let sent = browser.follow(url).await;
    assert_eq!(sent.headers["cache-control"], "no-store");
    assert_eq!(sent.headers["referrer-policy"], "no-referrer");
    let back = browser.follow(&agreed(&location(&sent))).await;
    let arrived = location(&back);
    assert!(arrived.as_str().starts_with(BACK), "{arrived}");
    arrived
}

fn code(arrived: &Url) -> String {
    parameters(arrived)["code"].clone()
}

async fn redeem_with(
    frontend: &Person,
    what: &str,
    (code, verifier, redirect_uri): (&str, &str, &str),
) -> Answer {
    let body = json!({"code": code, "code_verifier": verifier, "redirect_uri": redirect_uri});
    frontend.post(&format!("{what}/redeem"), &body).await
}

async fn redeem(frontend: &Person, what: &str, code: &str) -> Answer {
    redeem_with(frontend, what, (code, VERIFIER, BACK)).await
}

#[track_caller]
fn refused(answer: Answer) {
    let refused = answer.expect_problem(422, "invalid_fields");
    assert_eq!(refused["errors"][0]["field"], "code");
    assert_eq!(refused["errors"][0]["code"], "invalid_grant");
}

struct World {
    test: TestApp,
    school: Provider,
    /// A tutor at the frontend, who lures or is lured.
    tina: TutorAtCentre,
    frontend: Person,
}

impl World {
    async fn new() -> Self {
        let school = Provider::start("school").await;
        let test = start_with(&[&school]).await;
        let tina = Centre::open(&test).await.tutor(&test, "Tina").await;
        Self {
            frontend: at_frontend(&test, &tina.person),
            test,
            school,
            tina,
        }
    }

    /// Somebody with this browser agrees to what stands behind an address: with Sam's account at the school, or with that
    /// at Google which has this address.
    async fn agree(&self, browser: &mut Person, what: &str, url: &Url, email: &str) -> Url {
        if what == LINK {
            return agree(browser, url, |target| self.school.authorize(target, &SAM)).await;
        }
        let google = &self.test.google;
        let agreed = |target: &Url| google.authorize(target, email, Consent::All).unwrap();
        agree(browser, url, agreed).await
    }

    /// The code of what Tina asked for and agreed to.
    async fn code(&self, what: &str) -> String {
        let url = ask(&self.frontend, what).await;
        let browser = &mut self.test.stranger();
        code(&self.agree(browser, what, &url, &self.tina.email).await)
    }

    async fn assert_nothing_came_of_it(&self) {
        for rows in [
            "SELECT count(*) FROM google_grants",
            "SELECT count(*) FROM identities WHERE confirmed_at IS NULL OR issuer NOT IN (SELECT issuer FROM identities LIMIT 1)",
        ] {
            assert_eq!(self.test.count(rows).await, 0, "{rows}");
        }
        assert_eq!(self.school.exchanges(), 0, "nothing was taken from anybody");
    }
}

#[tokio::test]
async fn an_account_is_linked_when_the_frontend_redeems_and_the_person_confirms() {
    let world = World::new().await;
    let frontend = &world.frontend;
    let url = ask(frontend, LINK).await;
    assert!(url.as_str().starts_with(world.test.base.as_str()), "{url}");
    let mut browser = world.test.stranger();
    let arrived = world.agree(&mut browser, LINK, &url, "").await;
    let came = parameters(&arrived);
    assert_eq!((&*came["state"], &*came["from"]), ("s t&te", "api"));
    assert_eq!(came["iss"], world.test.base.origin().ascii_serialization());
    assert!(browser.sign_ins().is_empty() && browser.cookie("session").is_none());
    world.assert_nothing_came_of_it().await;

    let proven = redeem(frontend, LINK, &came["code"]).await.expect(200);
    assert_eq!(
        (&proven["email"], &proven["provider"]),
        (&json!(SAM.email), &json!("school"))
    );
    assert_eq!(proven["confirmed_at"], json!(null));
    let path = format!("{LINK}/{}/confirm", proven["id"].as_str().unwrap());
    let linked = frontend.post(&path, &json!({})).await.expect(200);
    assert_ne!(linked["confirmed_at"], json!(null));
    let mut other = world.test.stranger();
    let target = other.start_at("/v1/auth/sign-in?provider=school").await;
    other
        .follow(&world.school.authorize(&target, &SAM))
        .await
        .expect(303);
    assert_eq!(other.id().await, frontend.id().await);
}

#[tokio::test]
async fn a_calendar_is_connected_when_the_frontend_redeems() {
    let world = World::new().await;
    let code = world.code(CALENDAR).await;
    let state = async || world.frontend.get(CALENDAR).await.expect(200)["state"].clone();
    assert_eq!(state().await, "not_connected");
    world.assert_nothing_came_of_it().await;
    let connected = redeem(&world.frontend, CALENDAR, &code).await.expect(200);
    assert_eq!(connected["state"], "connected");
    assert_eq!(connected["email"], world.tina.email);
    assert_eq!(state().await, "connected");
}

#[tokio::test]
async fn who_lures_somebody_to_an_address_gets_nothing_of_theirs() {
    for what in [LINK, CALENDAR] {
        let world = World::new().await;
        let mut victim = world.test.student("Vic").await;
        let at_frontend = at_frontend(&world.test, &victim);
        let url = ask(&world.frontend, what).await;
        // Vic agrees, signed in here by a cookie as well.
        let theirs = email("Vic");
        let arrived = world.agree(&mut victim, what, &url, &theirs).await;
        let code = code(&arrived);
        // The code is with the frontend in Vic's browser, which holds another token, and knows no verifier.
        refused(redeem_with(&at_frontend, what, (&code, "x", BACK)).await);
        world.assert_nothing_came_of_it().await;
        // Nor would the verifier have helped, nor does it afterwards.
        let url = ask(&world.frontend, what).await;
        let arrived = world.agree(&mut victim, what, &url, &theirs).await;
        refused(redeem(&at_frontend, what, &self::code(&arrived)).await);
        refused(redeem(&world.frontend, what, &self::code(&arrived)).await);
        world.assert_nothing_came_of_it().await;
    }
}

#[tokio::test]
async fn who_sends_the_address_of_the_provider_on_gets_nothing_either() {
    let world = World::new().await;
    let url = ask(&world.frontend, LINK).await;
    let mut own = world.test.stranger();
    let target = location(&own.follow(&url).await);
    let mut victim = world.test.student("Vic").await;
    let back = world.school.authorize(&target, &SAM);
    victim
        .follow(&back)
        .await
        .expect_problem(400, "sign_in_failed");
    world.assert_nothing_came_of_it().await;
}

#[tokio::test]
async fn a_code_is_good_once() {
    for what in [LINK, CALENDAR] {
        let world = World::new().await;
        let code = world.code(what).await;
        let all = (0..8).map(|_| redeem(&world.frontend, what, &code));
        let answers = futures::future::join_all(all).await;
        let (good, bad): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(good.len(), 1, "{what}");
        bad.into_iter().for_each(refused);
        refused(redeem(&world.frontend, what, &code).await);
    }
}

#[tokio::test]
async fn a_code_is_good_for_a_minute_and_only_for_who_asked() {
    let world = World::new().await;
    let other_address = "https://app.example.org/signed-in";
    for what in [LINK, CALENDAR] {
        for (verifier, redirect_uri) in [
            ("", BACK),
            (&VERIFIER[1..], BACK),
            (VERIFIER, other_address),
        ] {
            let code = world.code(what).await;
            let wrong = (&*code, verifier, redirect_uri);
            refused(redeem_with(&world.frontend, what, wrong).await);
            // It is used up by that.
            refused(redeem(&world.frontend, what, &code).await);
        }
        refused(redeem(&world.frontend, what, "AAAA").await);
        // Tina as well, in another session; by a cookie or by a token.
        let code = world.code(what).await;
        let elsewhere = world.test.sign_in(&world.tina.email).await;
        refused(redeem(&elsewhere, what, &code).await);
        let code = world.code(what).await;
        let elsewhere = at_frontend(&world.test, &elsewhere);
        refused(redeem(&elsewhere, what, &code).await);
        let code = world.code(what).await;
        world.test.pass(TimeDelta::minutes(1));
        refused(redeem(&world.frontend, what, &code).await);
    }
    world.assert_nothing_came_of_it().await;
}

#[tokio::test]
async fn a_code_is_good_for_nothing_else() {
    let world = World::new().await;
    refused(redeem(&world.frontend, CALENDAR, &world.code(LINK).await).await);
    refused(redeem(&world.frontend, LINK, &world.code(CALENDAR).await).await);
    // Nor for a session, nor one for a session for anything but that.
    let sessions = world.test.count("SELECT count(*) FROM sessions").await;
    let code = world.code(LINK).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", BACK),
    ];
    let stranger = world.test.stranger();
    let request = stranger.request(Method::POST, "/v1/auth/token").form(&form);
    let answer = stranger.send(request).await.expect(400);
    assert_eq!(answer["error"], "invalid_grant");
    let mut sign_in = world.test.base.join("/v1/auth/authorize").unwrap();
    sign_in
        .query_pairs_mut()
        .extend_pairs([
            ("response_type", "code"),
            ("state", "x"),
            ("provider", "google"),
        ])
        .extend_pairs([("redirect_uri", BACK), ("code_challenge_method", "S256")])
        .append_pair("code_challenge", &challenge());
    let browser = &mut world.test.stranger();
    let arrived = agree(browser, &sign_in, |target| {
        let google = &world.test.google;
        google
            .authorize(target, &world.tina.email, Consent::All)
            .unwrap()
    });
    refused(redeem(&world.frontend, LINK, &self::code(&arrived.await)).await);
    let then = world.test.count("SELECT count(*) FROM sessions").await;
    assert_eq!(then, sessions);
    world.assert_nothing_came_of_it().await;
}

#[tokio::test]
async fn an_address_is_good_once_and_for_a_minute_and_for_as_long_as_the_session() {
    let world = World::new().await;
    let over = async |url: &Url| {
        let answer = world.test.stranger().follow(url).await;
        answer.expect_problem(400, "sign_in_failed");
    };
    let url = ask(&world.frontend, LINK).await;
    let request = parameters(&url)["request"].clone();
    let stored = format!(
        "SELECT count(*) FROM pushed_requests r WHERE strpos(to_jsonb(r)::text, '{request}') > 0"
    );
    assert_eq!(world.test.count(&stored).await, 0);
    world.test.stranger().follow(&url).await.expect(303);
    over(&url).await;
    let url = ask(&world.frontend, LINK).await;
    world.test.pass(TimeDelta::minutes(1));
    over(&url).await;
    over(
        &world
            .test
            .base
            .join("/v1/auth/continue?request=AAAA")
            .unwrap(),
    )
    .await;
    let url = ask(&world.frontend, LINK).await;
    world
        .frontend
        .post("/v1/auth/sign-out", &json!({}))
        .await
        .expect(204);
    over(&url).await;
    let kept = "SELECT count(*) FROM pushed_requests";
    assert_eq!(world.test.count(kept).await, 0);
}

#[tokio::test]
async fn nothing_goes_to_another_address_than_those_that_are_listed() {
    let world = World::new().await;
    for what in [LINK, CALENDAR] {
        for (field, value, code) in [
            ("redirect_uri", "https://evil.example/", "not_allowed"),
            (
                "redirect_uri",
                "https://app.example.org/signed-in",
                "not_allowed",
            ),
            ("code_challenge", &"=".repeat(43), "not_a_challenge"),
        ] {
            let mut wanted = wanted(what);
            wanted[field] = json!(value);
            let answer = world
                .frontend
                .post(&format!("{what}/authorize"), &wanted)
                .await;
            let refused = answer.expect_problem(422, "invalid_fields");
            assert_eq!(refused["errors"][0]["field"], field);
            assert_eq!(refused["errors"][0]["code"], code);
        }
    }
    let student = world.test.student("Sam").await;
    let path = format!("{CALENDAR}/authorize");
    let answer = student.post(&path, &wanted(CALENDAR)).await;
    answer.expect_problem(403, "not_a_tutor");
}

#[tokio::test]
async fn a_no_and_a_late_answer_are_told_to_the_frontend() {
    let world = World::new().await;
    let google = &world.test.google;
    let url = ask(&world.frontend, CALENDAR).await;
    let browser = &mut world.test.stranger();
    let arrived = agree(browser, &url, |target| {
        google
            .authorize(target, &world.tina.email, Consent::Deny)
            .unwrap()
    });
    let came = parameters(&arrived.await);
    assert_eq!(
        (&*came["error"], &*came["state"]),
        ("access_denied", "s t&te")
    );
    let url = ask(&world.frontend, CALENDAR).await;
    let browser = &mut world.test.stranger();
    let arrived = agree(browser, &url, |target| {
        world.test.pass(TimeDelta::minutes(16));
        google
            .authorize(target, &world.tina.email, Consent::All)
            .unwrap()
    });
    let came = parameters(&arrived.await);
    assert_eq!(came["error_description"], "sign_in_failed");
    world.assert_nothing_came_of_it().await;
}

#[tokio::test]
async fn who_redeems_is_told_why_nothing_comes_of_it() {
    let world = World::new().await;
    let frontend = &world.frontend;
    let prove = async |account: &Account| {
        let url = ask(frontend, LINK).await;
        let browser = &mut world.test.stranger();
        code(
            &agree(browser, &url, |target| {
                world.school.authorize(target, account)
            })
            .await,
        )
    };
    let unverified = prove(&Account {
        verified: false,
        ..SAM
    })
    .await;
    let answer = redeem(frontend, LINK, &unverified).await;
    answer.expect_problem(409, "email_not_verified");
    let mut owner = world.test.stranger();
    let target = owner.start_at("/v1/auth/sign-in?provider=school").await;
    owner
        .follow(&world.school.authorize(&target, &SAM))
        .await
        .expect(303);
    let taken = prove(&SAM).await;
    let answer = redeem(frontend, LINK, &taken).await;
    answer.expect_problem(409, "identity_taken");
    for (status, error, expected, problem) in [
        (400, "invalid_grant", 409, "sign_in_failed"),
        (503, "unavailable", 503, "unavailable"),
    ] {
        let code = world.code(CALENDAR).await;
        let failure = Failure::status(Target::Token, status, error);
        for _ in 0..5 {
            world.test.google.fail_next(failure.clone());
        }
        let answer = redeem(frontend, CALENDAR, &code).await;
        answer.expect_problem(expected, problem);
        world.test.google.clear_failures();
    }
}
