//! Subjects.

use super::{caller::Caller, idempotency::Reply, transaction::transaction};
use crate::{
    app::App,
    error::Error,
    store::{self, violated},
};
use ::entity::id::SubjectId;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use serde::Serialize;

pub use crate::store::subject::SubjectWithLevels;

/// Subjects by slug, those after `after`: all, or those that the caller's key is limited to.
pub async fn list(
    app: &App,
    caller: &Caller,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<SubjectWithLevels>, Error> {
    Ok(store::subject::list(&app.db, among(caller), after, limit.into()).await?)
}

fn among(caller: &Caller) -> Option<&[String]> {
    match caller {
        Caller::Person(_) => None,
        Caller::App(access) => access.subjects(),
    }
}

/// A subject, if the caller may see it.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(app: &App, caller: &Caller, slug: &str) -> Result<SubjectWithLevels, Error> {
    let may_see = among(caller).is_none_or(|slugs| slugs.iter().any(|one| one == slug));
    if may_see {
        find(&app.db, slug).await
    } else {
        Err(Error::not_found("subject"))
    }
}

async fn find(db: &impl ConnectionTrait, slug: &str) -> Result<SubjectWithLevels, Error> {
    let found = if is_slug(slug) {
        store::subject::by_slugs(db, vec![slug.to_owned()])
            .await?
            .pop()
    } else {
        None
    };
    found.ok_or(Error::not_found("subject"))
}

/// Whether a subject can have this slug: up to 16 words of lower-case letters and digits with hyphens between them, 64
/// characters at most.
pub fn is_slug(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    text.len() <= 64 && text.split('-').count() <= 16 && text.split('-').all(is_word)
}

/// A subject to be made.
#[derive(Clone, Debug)]
pub struct NewSubject {
    pub slug: String,
    pub name: String,
    /// Distinct, easiest first.
    pub levels: Vec<String>,
}

/// Makes a subject that nobody offers yet.
///
/// # Errors
/// [`Error::Invalid`] with `taken` for a slug that another one has; [`Error::RequestInProgress`] if the claim was lost.
pub async fn create<A: Serialize + Send + Sync>(
    app: &App,
    new: NewSubject,
    reply: Reply<SubjectWithLevels, A>,
) -> Result<A, Error> {
    let now = app.clock.now();
    transaction!(app.db, |txn| {
        let id = store::subject::insert(txn, &new.slug, &new.name, now)
            .await
            .map_err(translate)?;
        store::subject::replace_levels(txn, id, &new.levels).await?;
        reply.keep(txn, find(txn, &new.slug).await?).await
    })
}

/// What is to change; what is None stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub name: Option<String>,
    /// All of them, easiest first.
    pub levels: Option<Vec<String>>,
}

/// Edits a subject that is still at `version`; the subject then.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PreconditionFailed`]; [`Error::Conflict`] with `in_use` naming the levels that can't go.
pub async fn update(
    app: &App,
    slug: &str,
    version: i32,
    changes: &Changes,
) -> Result<SubjectWithLevels, Error> {
    transaction!(app.db, |txn| {
        let id = find(txn, slug).await?.id;
        if !store::subject::update(txn, id, version, changes.name.as_deref()).await? {
            return Err(Error::PreconditionFailed);
        }
        if let Some(levels) = &changes.levels {
            check_unused(txn, id, levels).await?;
            store::subject::replace_levels(txn, id, levels)
                .await
                .map_err(translate)?;
        }
        find(txn, slug).await
    })
}

/// Deletes a subject that is still at `version`.
///
/// # Errors
/// As [`update`].
pub async fn delete(app: &App, slug: &str, version: i32) -> Result<(), Error> {
    transaction!(app.db, |txn| {
        let subject = find(txn, slug).await?;
        if subject.version != version {
            return Err(Error::PreconditionFailed);
        }
        check_unused(txn, subject.id, &[]).await?;
        let deleted = store::subject::delete(txn, subject.id, version)
            .await
            .map_err(translate)?;
        if deleted {
            Ok(())
        } else {
            Err(Error::PreconditionFailed)
        }
    })
}

async fn check_unused(
    txn: &DatabaseTransaction,
    id: SubjectId,
    kept: &[String],
) -> Result<(), Error> {
    let used = store::subject::levels_in_use(txn, id, kept).await?;
    if used.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "Tutors offer this, or lessons were booked: {}.",
        used.join(", ")
    );
    Err(Error::conflict("in_use", detail))
}

/// The constraints have the last word.
fn translate(error: DbErr) -> Error {
    match violated(&error) {
        Some("subjects_slug_key") => {
            Error::invalid("slug", "taken", "another subject has this slug")
        }
        Some(
            "offers_subject_level_fkey" | "lessons_subject_level_fkey" | "credit_lots_subject_fkey",
        ) => {
            let detail = "Tutors offer this, lessons were booked, or students have credit for it.";
            Error::conflict("in_use", detail)
        }
        _ => error.into(),
    }
}
