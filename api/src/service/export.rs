//! All that is kept of a person, for that person: a zip archive of JSON files and of a calendar.

use super::UserId;
use crate::{
    app::App,
    error::Error,
    store::{self, export::OwnLesson},
};
use futures::TryStreamExt;
use icalendar::{Calendar, Component, Event, EventLike, EventStatus};
use sea_orm::{AccessMode, DatabaseTransaction, IsolationLevel, TransactionTrait};
use std::io::{Cursor, Write};
use tokio::sync::Semaphore;
use zip::{ZipWriter, write::SimpleFileOptions};

/// So many archives are made at a time, since each is in memory until it is sent; who asks for more waits, and holds no
/// connection.
static ROOM: Semaphore = Semaphore::const_new(2);

type Archive = ZipWriter<Cursor<Vec<u8>>>;

/// The archive, as of one moment.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn archive(app: &App, id: UserId) -> Result<Vec<u8>, Error> {
    let _room = ROOM.acquire().await.map_err(Error::internal)?;
    let isolation = Some(IsolationLevel::RepeatableRead);
    let access = Some(AccessMode::ReadOnly);
    let txn = app.db.begin_with_config(isolation, access).await?;
    let found = store::account::find(&txn, id).await?;
    if found.is_none_or(|user| user.erased_at.is_some()) {
        return Err(Error::not_found("user"));
    }
    let mut archive = Archive::new(Cursor::default());
    for (name, query) in store::export::LISTS {
        add_list(&mut archive, &txn, name, query, id).await?;
    }
    add_calendar(app, &mut archive, &txn, id).await?;
    txn.commit().await?;
    let archive = archive.finish().map_err(Error::internal)?;
    Ok(archive.into_inner())
}

async fn add_list(
    archive: &mut Archive,
    txn: &DatabaseTransaction,
    name: &str,
    query: &str,
    id: UserId,
) -> Result<(), Error> {
    begin(archive, &format!("{name}.json"))?;
    let mut rows = std::pin::pin!(store::export::rows(txn, query, id).await?);
    let mut before = "[\n";
    while let Some(row) = rows.try_next().await? {
        write(archive, before)?;
        write(archive, &row)?;
        before = ",\n";
    }
    write(archive, if before == "[\n" { "[]\n" } else { "\n]\n" })
}

async fn add_calendar(
    app: &App,
    archive: &mut Archive,
    txn: &DatabaseTransaction,
    id: UserId,
) -> Result<(), Error> {
    let mut calendar = Calendar::new();
    let mut lessons = std::pin::pin!(store::export::lessons(txn, id).await?);
    while let Some(lesson) = lessons.try_next().await? {
        calendar.push(event(app, &lesson));
    }
    begin(archive, "calendar.ics")?;
    write(archive, &calendar.to_string())
}

fn event(app: &App, lesson: &OwnLesson) -> Event {
    let status = if lesson.cancelled {
        EventStatus::Cancelled
    } else {
        EventStatus::Confirmed
    };
    Event::new()
        .uid(&lesson.booking_id.to_string())
        .timestamp(app.clock.now())
        .summary(&format!(
            "{} ({}) with {}",
            lesson.subject, lesson.level, lesson.with
        ))
        .starts(lesson.starts_at)
        .ends(lesson.ends_at)
        .status(status)
        .done()
}

fn begin(archive: &mut Archive, name: &str) -> Result<(), Error> {
    archive
        .start_file(name, SimpleFileOptions::default())
        .map_err(Error::internal)
}

fn write(archive: &mut Archive, text: &str) -> Result<(), Error> {
    archive.write_all(text.as_bytes()).map_err(Error::internal)
}
