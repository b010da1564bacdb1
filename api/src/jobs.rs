//! Work outside requests: the workers, and one file per kind of job.

mod follow_lesson_event;
mod offer_room;
mod open_tagged_events;
mod read_busy_time;
mod reconcile_calendar;
mod regularly;
mod revoke_grant;
mod sync_lesson_event;
mod watch_calendars;

use crate::{
    app::App,
    error::Error,
    origin::{self, Actor},
    service::queue::{self, Job, Outcome, Work},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Runs the workers of this instance until `stop`, and what they have begun to its end.
pub async fn work(app: App, stop: CancellationToken) {
    let mut workers = JoinSet::new();
    for _ in 0..app.config.jobs.workers {
        workers.spawn(worker(app.clone(), stop.clone()));
    }
    if app.config.jobs.workers > 0 {
        workers.spawn(regularly::forget_audit_entries(app.clone(), stop.clone()));
        workers.spawn(regularly::settle_bookings(app.clone(), stop.clone()));
        workers.spawn(regularly::offer_room(app.clone(), stop.clone()));
        workers.spawn(regularly::reconcile_calendars(app.clone(), stop.clone()));
        workers.spawn(regularly::expire_credit(app, stop));
    }
    while workers.join_next().await.is_some() {}
}

/// Runs every job that is due, one after the other; how many ran.
pub async fn run_due(app: &App) -> Result<usize, Error> {
    let mut count = 0;
    while let Some(job) = queue::take(app).await? {
        run(app, &job).await;
        count += 1;
    }
    Ok(count)
}

async fn worker(app: App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match queue::take(&app).await {
            Ok(Some(job)) => {
                // Where there is one there may be more: another worker looks.
                app.work_enqueued.notify_one();
                run(&app, &job).await;
            }
            Ok(None) => idle(&app, &stop).await,
            Err(error) => {
                tracing::warn!(%error, "the queue can't be read");
                idle(&app, &stop).await;
            }
        }
    }
}

async fn idle(app: &App, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = app.work_enqueued.notified() => {}
        () = tokio::time::sleep(app.config.jobs.poll) => {}
    }
}

async fn run(app: &App, job: &Job) {
    let time_limit = app.config.jobs.time_limit();
    let origin = app.origin(Actor::Job, Some(job.work.kind().into()));
    let running = tokio::spawn(tokio::time::timeout(
        time_limit,
        origin::scope(origin, dispatch(app.clone(), job.work, job.progress)),
    ));
    let outcome = match running.await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Outcome::Failed(Error::unavailable(anyhow::anyhow!(
            "took longer than {time_limit:?}"
        ))),
        Err(panic) => Outcome::Failed(Error::internal(panic)),
    };
    if let Err(error) = queue::settle(app, job, outcome).await {
        tracing::error!(job = %job.id, %error, "how a job ended could not be written down; it runs again");
    }
}

async fn dispatch(app: App, work: Work, progress: Option<i64>) -> Outcome {
    match work {
        Work::SyncLessonEvent(lesson) => sync_lesson_event::run(&app, lesson).await,
        Work::FollowLessonEvent(lesson) => follow_lesson_event::run(&app, lesson).await,
        Work::ReadBusyTime(tutor) => read_busy_time::run(&app, tutor).await,
        Work::ReconcileCalendar(tutor) => reconcile_calendar::run(&app, tutor).await,
        Work::OpenTaggedEvents(tutor) => open_tagged_events::run(&app, tutor).await,
        Work::WatchCalendars(tutor) => watch_calendars::run(&app, tutor).await,
        Work::RevokeGrant(grant) => revoke_grant::run(&app, grant).await,
        Work::OfferSeats(lesson) => offer_room::in_lesson(&app, lesson, progress).await,
        Work::OfferTime(tutor) => offer_room::of_tutor(&app, tutor, progress).await,
    }
}
