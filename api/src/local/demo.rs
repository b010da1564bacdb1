//! A centre to try things out on: subjects, tutors, students, an admin and some lessons.

mod people;
mod plans;

use crate::{
    app::{App, Provider},
    service::{
        self, TutorId, UserId,
        booking::Wanted,
        calendar_connection::Grant,
        caller::Caller,
        idempotency::Reply,
        slot::{About, Search},
        tutor::{self, WantedOffer},
    },
    store::{
        self,
        identity::Account as NewIdentity,
        seed::{NewSubject, NewTutor},
        user::NewUser,
    },
};
use ::entity::user_role::Role;
use anyhow::Context;
use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc, Weekday};
use google::scope;
use google_sandbox::{Account, Client, Sandbox, subject};
use people::{ADMIN_ACCOUNT, STUDENTS, SUBJECTS, TUTORS, Tutor};
use scheduling::availability::WeeklyRule;
use sea_orm::TransactionTrait;
use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
};
use url::Url;

/// As whom the greeting suggests to sign in.
pub const STUDENT: &str = STUDENTS[0].email;
/// As whom the greeting suggests to sign in.
pub const TUTOR: &str = TUTORS[0].account.email;
/// As whom the greeting suggests to sign in.
pub const ADMIN: &str = ADMIN_ACCOUNT.email;

/// The client that the stand-in for Google knows this server by.
pub const CLIENT_ID: &str = "local.apps.googleusercontent.com";
/// No secret: it opens nothing but the stand-in on this machine.
pub const CLIENT_SECRET: &str = "local-and-no-secret";

/// Somebody with an account at the stand-in for Google.
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) email: &'static str,
    pub(super) time_zone: &'static str,
}

/// Starts the stand-in for Google with the demo people and this server as a client.
pub async fn start_sandbox(
    ip: IpAddr,
    port: u16,
    data_dir: &Path,
    public_url: &Url,
) -> anyhow::Result<Sandbox> {
    let everybody = TUTORS
        .iter()
        .map(|tutor| &tutor.account)
        .chain(&STUDENTS)
        .chain([&ADMIN_ACCOUNT]);
    let accounts = everybody.map(account).collect::<anyhow::Result<_>>()?;
    let redirect_uri = public_url.join("v1/auth/callback")?.into();
    let config = google_sandbox::Config {
        bind: SocketAddr::new(ip, port),
        accounts,
        clients: vec![Client {
            id: CLIENT_ID.to_owned(),
            secret: CLIENT_SECRET.to_owned(),
            redirect_uris: vec![redirect_uri],
        }],
        state_file: Some(data_dir.join("google-sandbox.json")),
    };
    Sandbox::start(config).await
}

fn account(person: &Person) -> anyhow::Result<Account> {
    let time_zone = person
        .time_zone
        .parse()
        .with_context(|| format!("zone of {}", person.email))?;
    Ok(Account {
        email: person.email.to_owned(),
        name: person.name.to_owned(),
        time_zone,
    })
}

/// Fills an empty database; leaves one alone that has subjects.
pub async fn fill(app: &App, sandbox: &Sandbox) -> anyhow::Result<()> {
    let issuer = sandbox.issuer();
    let others: Vec<_> = app.providers.iter().map(Provider::issuer).collect();
    store::seed::move_loopback_identities(&app.db, &issuer, &others).await?;
    if !store::subject::list(&app.db, None, None, 1)
        .await?
        .is_empty()
    {
        return Ok(());
    }
    let people = insert_people(app, &issuer).await?;
    for (tutor, user_id, tutor_id) in &people.tutors {
        set_up(app, sandbox, tutor, *user_id, *tutor_id).await?;
    }
    plans::make(app, people.tutors[0].2, people.tutors[1].2).await?;
    book_some(app, &people).await?;
    tracing::info!(
        subjects = SUBJECTS.len(),
        tutors = TUTORS.len(),
        students = STUDENTS.len(),
        "demo data is filled in"
    );
    Ok(())
}

struct People {
    tutors: Vec<(&'static Tutor, UserId, TutorId)>,
    students: Vec<UserId>,
}

async fn insert_people(app: &App, issuer: &str) -> anyhow::Result<People> {
    let now = app.clock.now();
    let txn = app.db.begin().await?;
    for (slug, name, levels) in SUBJECTS {
        store::seed::insert_subject(&txn, &NewSubject { slug, name, levels }, now).await?;
    }
    let mut people = People {
        tutors: Vec::new(),
        students: Vec::new(),
    };
    for tutor in &TUTORS {
        let user_id = insert_user(&txn, &tutor.account, &[Role::Tutor], issuer, now).await?;
        let new = NewTutor {
            user_id,
            bio: tutor.bio,
            languages: tutor.languages,
            time_zone: tutor.account.time_zone,
        };
        people.tutors.push((
            tutor,
            user_id,
            store::seed::insert_tutor(&txn, &new, now).await?,
        ));
    }
    for student in &STUDENTS {
        people
            .students
            .push(insert_user(&txn, student, &[Role::Student], issuer, now).await?);
    }
    insert_user(&txn, &ADMIN_ACCOUNT, &[Role::Admin], issuer, now).await?;
    txn.commit().await?;
    Ok(people)
}

async fn insert_user(
    txn: &sea_orm::DatabaseTransaction,
    person: &Person,
    roles: &[Role],
    issuer: &str,
    now: DateTime<Utc>,
) -> anyhow::Result<UserId> {
    let new = NewUser {
        name: person.name,
        email: person.email,
        time_zone: person.time_zone,
    };
    let user_id = store::user::insert(txn, new, roles, now).await?;
    let account = NewIdentity {
        issuer,
        subject: &subject(person.email),
        email: person.email,
        // The stand-in has everybody in a Workspace.
        email_authoritative: true,
    };
    store::identity::insert(txn, user_id, account, Some(now), now).await?;
    Ok(user_id)
}

/// Offers, weekly rules, a connected calendar, and something in it.
async fn set_up(
    app: &App,
    sandbox: &Sandbox,
    tutor: &Tutor,
    user_id: UserId,
    id: TutorId,
) -> anyhow::Result<()> {
    let offers: Vec<_> = tutor
        .offers
        .iter()
        .map(|(subject, level, lesson_minutes)| WantedOffer {
            subject: (*subject).to_owned(),
            level: (*level).to_owned(),
            lesson_minutes: lesson_minutes.to_vec(),
        })
        .collect();
    tutor::replace_offers(app, id, 1, &offers, false).await?;
    service::weekly_rule::replace(app, id, 2, &weekly_rules(tutor), false).await?;
    let email = tutor.account.email;
    if tutor.connected {
        busy_day(app, sandbox, email);
        let scopes = [&[scope::OPENID, scope::EMAIL], scope::CALENDAR].concat();
        let refresh_token = sandbox.grant(CLIENT_ID, email, &scopes).into();
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let grant = Grant {
            subject: subject(email),
            email: email.to_owned(),
            scopes,
            refresh_token,
        };
        service::calendar_connection::keep(app, user_id, grant).await?;
        service::busy_time::refresh(app, id).await?;
    }
    Ok(())
}

fn weekly_rules(tutor: &Tutor) -> Vec<WeeklyRule> {
    let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
    let rules = tutor.hours.iter().flat_map(|(days, start, end)| {
        days.iter().map(move |weekday: &Weekday| WeeklyRule {
            weekday: *weekday,
            start: at(*start),
            end: at(*end % 24),
            valid_from: None,
            valid_until: None,
        })
    });
    rules.collect()
}

/// A dentist the day after tomorrow.
fn busy_day(app: &App, sandbox: &Sandbox, email: &str) {
    let noon = app
        .clock
        .now()
        .date_naive()
        .checked_add_days(Days::new(2))
        .and_then(|day| day.and_hms_opt(15, 0, 0));
    if let Some(noon) = noon.map(|noon| noon.and_utc()) {
        sandbox.insert_busy(email, noon, noon + TimeDelta::minutes(90), "Dentist");
    }
}

/// Books for each student the first free times of some tutors, by the same path as everybody.
async fn book_some(app: &App, people: &People) -> anyhow::Result<()> {
    for (at, student) in people.students.iter().enumerate() {
        for (tutor, _, id) in people.tutors.iter().cycle().skip(at).step_by(3).take(2) {
            book_first(
                app,
                *student,
                tutor,
                *id,
                TimeDelta::days(1 + i64::try_from(at)?),
            )
            .await?;
        }
    }
    Ok(())
}

async fn book_first(
    app: &App,
    student: UserId,
    tutor: &Tutor,
    id: TutorId,
    after: TimeDelta,
) -> anyhow::Result<()> {
    let Some((subject, level, [minutes, ..])) = tutor.offers.first() else {
        return Ok(());
    };
    let from = app.clock.now() + after;
    let search = Search {
        moving: None,
        tutor_id: id,
        about: About::default(),
        from,
        to: from + TimeDelta::days(14),
        minutes: *minutes,
    };
    let person = store::person::find(&app.db, student).await?;
    let caller = Caller::Person(person.context("a student of the demo")?.into());
    app.cache.catch_up().await?;
    let Some(slot) = service::slot::search(app, &caller, Some(student), search)
        .await?
        .slots
        .into_iter()
        .next()
    else {
        return Ok(());
    };
    let wanted = Wanted {
        tutor_id: id,
        subject: (*subject).to_owned(),
        level: (*level).to_owned(),
        start: slot.start(),
        end: slot.end(),
        pay_with_credit: false,
        beyond_quota: false,
    };
    let reply = Reply {
        answer: drop,
        claim: None,
    };
    service::booking::create(app, &caller, student, wanted, reply).await?;
    Ok(())
}
