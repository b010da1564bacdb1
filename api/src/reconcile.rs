//! What an operator does from the command line about lessons and calendars that differ.

use crate::{
    app::App,
    origin::{self, Actor},
    service::{
        TutorId,
        reconciliation::{self, Report},
    },
};
use anyhow::bail;
use clap::Args;
use serde::Serialize;

/// Which calendars are compared.
#[derive(Clone, Debug, Args)]
pub struct Command {
    /// The id of a tutor; without it, all whose calendars can be reached.
    #[arg(long)]
    tutor: Option<uuid::Uuid>,
    /// Tell what differs, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Line {
    tutor_id: TutorId,
    /// None: the calendar can't be reached.
    report: Option<Report>,
    error: Option<String>,
}

/// Compares them one after the other, and prints a line of JSON for each. What is to be written follows by the workers of the
/// servers.
pub async fn run(app: &App, command: &Command) -> anyhow::Result<()> {
    if app.google.is_none() {
        bail!("no Google is configured");
    }
    let tutors = match command.tutor {
        Some(id) => vec![TutorId(id)],
        None => reconciliation::tutors(app).await?,
    };
    let mut failed = 0;
    for tutor_id in tutors {
        let by = app.origin(Actor::Operator, Some("reconcile".into()));
        let reconciled = reconciliation::reconcile(app, tutor_id, command.dry_run);
        let (report, error) = match Box::pin(origin::scope(by, reconciled)).await {
            Ok(report) => (report, None),
            Err(error) => (None, Some(error.to_string())),
        };
        failed += usize::from(error.is_some());
        let line = Line {
            tutor_id,
            report,
            error,
        };
        println!("{}", serde_json::to_string(&line)?);
    }
    if failed > 0 {
        bail!("Google did not tell of {failed} tutors: try again later");
    }
    Ok(())
}
