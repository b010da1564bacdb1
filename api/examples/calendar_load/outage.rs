//! What Google being silent does to students who search and book, and how the work that was left is done afterwards.

use super::{Load, SUBJECT, insert_user};
use anyhow::Context;
use api::{
    service::{
        BookingId, UserId,
        booking::{self, Wanted},
        caller::Caller,
        idempotency::Reply,
        slot::{self, About, Search},
    },
    store,
};
use chrono::TimeDelta;
use entity::user_role::Role;
use futures::future::try_join_all;
use google_sandbox::{Effect, Failure, Target};
use sea_orm::ConnectionTrait;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// So many students search, and as many book.
const STUDENTS: usize = 4;

/// How long each of them does so at a time.
const PHASE: Duration = Duration::from_mins(2);

/// How soon each of them does so again.
const PACE: Duration = Duration::from_millis(500);

/// How long Google takes for whatever it is asked: nobody waits for that.
const SILENCE: Duration = Duration::from_hours(24);

impl Load {
    /// Students search and book while Google answers and while it is silent; then it is counted how the events come to be that
    /// were left.
    pub(super) async fn outage(&self) -> anyhow::Result<()> {
        self.phase("with Google", 0).await?;
        let silence = || Effect::Hang(SILENCE);
        for target in [Target::Calendar, Target::Token] {
            let failure = Failure::new(target, silence());
            self.sandbox.fail_next(failure.times(u32::MAX));
        }
        self.phase("as Google falls silent", 1).await?;
        self.phase("while Google is silent", 2).await?;
        self.phase("while Google is still silent", 3).await?;
        self.sandbox.clear_failures();
        self.drain().await
    }

    async fn phase(&self, name: &str, number: usize) -> anyhow::Result<()> {
        let students = (0..STUDENTS).map(|student| self.student_of(number, student));
        let students = try_join_all(students).await?;
        let searching = students.iter().map(|(id, caller)| self.search(*id, caller));
        let booking = students.iter().enumerate();
        let booking = booking.map(|(n, (id, caller))| {
            let first = number * STUDENTS + n;
            self.book(first, *id, caller)
        });
        let (searches, bookings) =
            tokio::try_join!(try_join_all(searching), try_join_all(booking))?;
        tell(name, "searches", searches.concat());
        tell(name, "bookings", bookings.concat());
        Ok(())
    }

    async fn student_of(&self, phase: usize, number: usize) -> anyhow::Result<(UserId, Caller)> {
        let email = format!("student{phase}-{number}@example.org");
        let id = insert_user(&self.app, &email, Role::Student).await?;
        let person = store::person::find(&self.app.db, id).await?;
        Ok((id, Caller::Person(person.context("the student")?.into())))
    }

    /// Searches a week of one tutor after the other.
    async fn search(&self, student: UserId, caller: &Caller) -> anyhow::Result<Vec<Duration>> {
        let began = Instant::now();
        let mut took = Vec::new();
        while began.elapsed() < PHASE {
            let search = Search {
                moving: None,
                tutor_id: self.tutors[took.len() % self.tutors.len()].1,
                about: About::default(),
                from: self.free_at,
                to: self.free_at + TimeDelta::days(7),
                minutes: 60,
            };
            let asked = Instant::now();
            self.app.cache.catch_up().await?;
            slot::search(&self.app, caller, Some(student), search).await?;
            took.push(asked.elapsed());
            sleep(PACE.saturating_sub(asked.elapsed())).await;
        }
        Ok(took)
    }

    /// Books one hour after the other, each with another tutor, so that nobody is where somebody else is.
    async fn book(
        &self,
        number: usize,
        student: UserId,
        caller: &Caller,
    ) -> anyhow::Result<Vec<Duration>> {
        let began = Instant::now();
        let mut took = Vec::new();
        while began.elapsed() < PHASE {
            let (nth, tutors) = (took.len(), self.tutors.len());
            // Of 18 days, which nobody has used before of this tutor.
            let hour = 2 + (nth + number * 16) % (17 * 24);
            let start = self.free_at + TimeDelta::hours(i64::try_from(hour)?);
            let wanted = Wanted {
                tutor_id: self.tutors[(nth * 7 + number * 13) % tutors].1,
                subject: SUBJECT.to_owned(),
                level: "School".to_owned(),
                start,
                end: start + TimeDelta::hours(1),
                pay_with_credit: false,
                beyond_quota: false,
            };
            let reply: Reply<_, BookingId> = Reply {
                answer: |detail: booking::Detail| detail.id,
                claim: None,
            };
            let asked = Instant::now();
            booking::create(&self.app, caller, student, wanted, reply).await?;
            took.push(asked.elapsed());
            sleep(PACE.saturating_sub(asked.elapsed())).await;
        }
        Ok(took)
    }

    /// Until each event is written, with the most requests in a minute.
    async fn drain(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let left = self.unwritten().await?;
        let mut most = 0;
        while self.unwritten().await? > 0 {
            let (before, since) = (self.requests(), Instant::now());
            while self.unwritten().await? > 0 && since.elapsed() < Duration::from_mins(1) {
                sleep(Duration::from_millis(200)).await;
            }
            most = most.max(self.requests() - before);
        }
        println!(
            "Google is back: {left} lessons were to be written, all were after {:.0} s, with {most} requests in a minute at most",
            began.elapsed().as_secs_f64(),
        );
        Ok(())
    }

    async fn unwritten(&self) -> anyhow::Result<i64> {
        let left = "SELECT count(*) FROM lessons
            WHERE status = 'scheduled' AND calendar_event_revision IS DISTINCT FROM calendar_revision";
        let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, left);
        let row = self.app.db.query_one_raw(statement).await?;
        Ok(row.context("a count")?.try_get_by_index(0)?)
    }
}

fn tell(phase: &str, what: &str, mut took: Vec<Duration>) {
    took.sort();
    let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    println!(
        "{phase}: {} {what}, p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
        took.len(),
        at(50),
        at(99),
        at(100),
    );
}
