//! One refresh at a time per grant, and none while there is a good token.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use google::{AccessToken, AccessTokens, Error, TokenError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::*;

fn good() -> Value {
    json!({ "access_token": "ya29.new", "expires_in": 3600, "token_type": "Bearer" })
}

async fn get(
    tokens: &AccessTokens,
    grant: Uuid,
    at: DateTime<Utc>,
) -> Result<AccessToken, TokenError<Infallible>> {
    let load = || async { Ok("1//stored".into()) };
    tokens.get(grant, at, load, |_| async { Ok(()) }).await
}

#[tokio::test]
async fn many_who_need_a_token_cost_one_refresh() {
    let (stage, sign_in) = provider(LIMITS).await;
    stage.on("/token", [Answer::json(200, &good())]);
    let tokens = AccessTokens::new(sign_in);
    let loads = Arc::new(AtomicUsize::new(0));
    let grant = Uuid::new_v4();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (tokens, loads) = (tokens.clone(), Arc::clone(&loads));
        tasks.spawn(async move {
            let load = || async move {
                loads.fetch_add(1, Ordering::SeqCst);
                Ok::<SecretString, Infallible>("1//stored".into())
            };
            tokens.get(grant, now(), load, |_| async { Ok(()) }).await
        });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    assert_eq!(stage.calls("/token").len(), 1);

    get(&tokens, Uuid::new_v4(), now()).await.unwrap();
    assert_eq!(
        stage.calls("/token").len(),
        2,
        "another grant's is another's"
    );
}

#[tokio::test]
async fn a_token_is_renewed_a_minute_before_its_end_and_when_told() {
    let (stage, sign_in) = provider(LIMITS).await;
    stage.on("/token", [Answer::json(200, &good())]);
    let tokens = AccessTokens::new(sign_in);
    let grant = Uuid::new_v4();
    get(&tokens, grant, now()).await.unwrap();
    get(&tokens, grant, now() + TimeDelta::seconds(3539))
        .await
        .unwrap();
    assert_eq!(stage.calls("/token").len(), 1);
    let renewed = get(&tokens, grant, now() + TimeDelta::seconds(3540)).await;
    assert_eq!(
        renewed.unwrap().expires_at,
        now() + TimeDelta::seconds(7140)
    );
    assert_eq!(stage.calls("/token").len(), 2);
    tokens.invalidate(grant).await;
    get(&tokens, grant, now() + TimeDelta::seconds(3541))
        .await
        .unwrap();
    assert_eq!(stage.calls("/token").len(), 3);
}

#[tokio::test]
async fn a_token_without_an_end_is_used_but_not_kept() {
    let (stage, sign_in) = provider(LIMITS).await;
    let answer = json!({ "access_token": "ya29.new", "token_type": "Bearer" });
    stage.on("/token", [Answer::json(200, &answer)]);
    let tokens = AccessTokens::new(sign_in);
    let grant = Uuid::new_v4();
    get(&tokens, grant, now()).await.unwrap();
    get(&tokens, grant, now()).await.unwrap();
    assert_eq!(stage.calls("/token").len(), 2);
}

#[tokio::test]
async fn failures_are_told_and_not_remembered() {
    let (stage, sign_in) = provider(LIMITS).await;
    let dead = json!({ "error": "invalid_grant" });
    let answers = [Answer::json(400, &dead), Answer::json(200, &good())];
    stage.on("/token", answers);
    let tokens = AccessTokens::new(sign_in);
    let grant = Uuid::new_v4();
    let outcome = get(&tokens, grant, now()).await;
    assert!(matches!(
        outcome,
        Err(TokenError::Provider(Error::GrantDead))
    ));
    assert!(get(&tokens, grant, now()).await.is_ok());

    tokens.invalidate(grant).await;
    let load = || async { Err("the database is away") };
    let outcome = tokens.get(grant, now(), load, |_| async { Ok(()) }).await;
    let Err(TokenError::Grant(error)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(*error, "the database is away");
    assert_eq!(stage.calls("/token").len(), 2);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_stored_before_the_access_token_is_used() {
    let (stage, sign_in) = provider(LIMITS).await;
    let mut answer = good();
    answer["refresh_token"] = json!("1//rotated");
    stage.on("/token", [Answer::json(200, &answer)]);
    let tokens = AccessTokens::new(sign_in);
    let grant = Uuid::new_v4();
    let mut stored = None;
    let load = || async { Ok::<_, &str>("1//stored".into()) };
    let failing = |_| async { Err("the database is away") };
    let outcome = tokens.get(grant, now(), load, failing).await;
    assert!(matches!(outcome, Err(TokenError::Grant(_))));
    let replace = |new: SecretString| {
        stored = Some(new);
        async { Ok(()) }
    };
    tokens.get(grant, now(), load, replace).await.unwrap();
    assert_eq!(stored.unwrap().expose_secret(), "1//rotated");
}
