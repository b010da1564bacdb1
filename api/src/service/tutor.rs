//! Tutors, what they teach and when they are there.

use super::{TutorId, caller::Caller, transaction::transaction};
use crate::{
    app::App,
    error::{Error, FieldError},
    store::{
        self,
        offer::NewOffer,
        subject::SubjectWithLevels,
        tutor::{Filter, Profile},
    },
};
use ::entity::id::SubjectId;
use sea_orm::DatabaseTransaction;
use std::sync::Arc;

pub use crate::store::{
    offer::Offer,
    tutor::{Changes, Tutor},
};

/// Which tutors are listed, and where the page begins.
#[derive(Debug, Default)]
pub struct Listing {
    /// Also those whom students may not find.
    pub hidden: bool,
    /// Slug of a subject.
    pub subject: Option<String>,
    pub level: Option<String>,
    pub after: Option<TutorId>,
    pub limit: u32,
}

/// Tutors, the longest-serving first.
///
/// # Errors
/// [`Error::Forbidden`] where others than admins ask for those who are hidden.
/// [`Error::Invalid`] for a subject or a level of it that there is not.
pub async fn list(app: &App, caller: &Caller, listing: Listing) -> Result<Vec<Arc<Tutor>>, Error> {
    if listing.hidden && !caller.is_admin() {
        return Err(Error::Forbidden {
            code: "not_an_admin",
            detail: "Only admins see who is hidden.".into(),
        });
    }
    let filter = Filter {
        hidden: listing.hidden,
        subject: listing.subject,
        level: listing.level,
        after: listing.after,
        limit: listing.limit.into(),
        ..Filter::default()
    };
    let ids = find(app, caller, filter).await?;
    let revisions = app.cache.revisions(&ids, None);
    let found = app.cache.tutors(&revisions, &ids).await?;
    Ok(found
        .into_iter()
        .filter_map(|tutor| caller.sees(tutor))
        .collect())
}

/// The tutors that a filter lets through, of those that the caller's key, if it is one, is limited to.
///
/// # Errors
/// [`Error::Invalid`] for a subject or a level of it that there is not.
pub(super) async fn find(
    app: &App,
    caller: &Caller,
    mut filter: Filter,
) -> Result<Arc<Vec<TutorId>>, Error> {
    if let Caller::App(access) = caller
        && !access.narrow(&mut filter)
    {
        return match filter.subject {
            Some(slug) if !access.reaches_subject(&slug) => Err(unknown_subject()),
            _ => Ok(Arc::default()),
        };
    }
    let (subject, level) = (filter.subject.clone(), filter.level.clone());
    let ids = app.cache.found(filter).await?;
    if let (Some(subject), true) = (subject, ids.is_empty()) {
        check_subject(app, subject, level.as_deref()).await?;
    }
    Ok(ids)
}

/// The subject with this slug, if it is taught at this level and the caller may know.
///
/// # Errors
/// [`Error::Invalid`] with `unknown_subject` and `unknown_level`.
pub(super) async fn subject_at(
    app: &App,
    caller: &Caller,
    slug: &str,
    level: &str,
) -> Result<SubjectId, Error> {
    match caller {
        Caller::App(access) if !access.reaches_subject(slug) => Err(unknown_subject()),
        Caller::App(_) | Caller::Person(_) => {
            check_subject(app, slug.to_owned(), Some(level)).await
        }
    }
}

async fn check_subject(app: &App, slug: String, level: Option<&str>) -> Result<SubjectId, Error> {
    let found = store::subject::by_slugs(&app.db, vec![slug]).await?;
    let subject = found.first().ok_or_else(unknown_subject)?;
    if level.is_none_or(|level| subject.levels.iter().any(|known| known == level)) {
        return Ok(subject.id);
    }
    Err(Error::invalid("level", "unknown_level", taught_at(subject)))
}

fn unknown_subject() -> Error {
    Error::invalid("subject", "unknown_subject", "there is no such subject")
}

fn taught_at(subject: &SubjectWithLevels) -> String {
    let levels = subject.levels.join(", ");
    format!("{} is taught at: {levels}", subject.name)
}

/// A tutor as this caller sees them: see [`Caller::sees`].
pub async fn get(app: &App, caller: &Caller, id: TutorId) -> Result<Arc<Tutor>, Error> {
    check_shown(app, caller, id).await?;
    let revisions = app.cache.revisions(&[id], None);
    let tutor = app.cache.tutors(&revisions, &[id]).await?.pop();
    seen(tutor, caller)
}

/// Refuses those who don't see the tutor, before anything is read of one who may be hidden: how long that takes would
/// tell them from one who does not exist.
///
/// # Errors
/// [`Error::NotFound`].
pub(super) async fn check_shown(app: &App, caller: &Caller, id: TutorId) -> Result<(), Error> {
    if caller.may_edit(id) {
        return Ok(());
    }
    let filter = Filter {
        among: vec![id],
        limit: 1,
        ..Filter::default()
    };
    // Of those whom a key does not reach, nothing is read either.
    if !find(app, caller, filter).await?.is_empty() {
        return Ok(());
    }
    // Who was a tutor sees what is left of it.
    match caller.user_id() {
        Some(user_id) if store::tutor::of_user(&app.db, user_id).await? == Some(id) => Ok(()),
        _ => Err(Error::not_found("tutor")),
    }
}

/// The profile of a tutor, as [`get`].
pub async fn profile(app: &App, caller: &Caller, id: TutorId) -> Result<Profile, Error> {
    Ok(get(app, caller, id).await?.profile.clone())
}

/// The tutor, if there is one and the caller sees it.
pub(super) fn seen(tutor: Option<Arc<Tutor>>, caller: &Caller) -> Result<Arc<Tutor>, Error> {
    tutor
        .and_then(|tutor| caller.sees(tutor))
        .ok_or(Error::not_found("tutor"))
}

/// Edits the profile if it is still at `version`; the tutor then.
pub async fn update(
    app: &App,
    id: TutorId,
    version: i32,
    changes: &Changes,
    dry_run: bool,
) -> Result<Tutor, Error> {
    let now = app.clock.now();
    transaction!(app.db, dry_run, |txn| {
        if !store::tutor::update(txn, id, version, changes.clone(), now).await? {
            return Err(Error::PreconditionFailed);
        }
        let edited = store::tutor::load(txn, &[id], now).await?.remove(&id);
        edited.ok_or(Error::not_found("tutor"))
    })
}

/// What a tutor wants to teach, by the slug of the subject.
#[derive(Clone, Debug)]
pub struct WantedOffer {
    pub subject: String,
    pub level: String,
    pub lesson_minutes: Vec<i16>,
}

/// Replaces all offers of a tutor if it is still at `version`; all of them then.
///
/// # Errors
/// [`Error::Invalid`] naming each offer whose subject or level is unknown or stands twice.
pub async fn replace_offers(
    app: &App,
    id: TutorId,
    version: i32,
    wanted: &[WantedOffer],
    dry_run: bool,
) -> Result<Vec<Offer>, Error> {
    transaction!(app.db, dry_run, |txn| {
        let offers = resolve(txn, wanted).await?;
        begin_edit(app, txn, id, version).await?;
        store::offer::replace(txn, id, &offers, app.clock.now()).await?;
        Ok(store::offer::of_tutors(txn, &[id]).await?)
    })
}

async fn resolve(
    txn: &DatabaseTransaction,
    wanted: &[WantedOffer],
) -> Result<Vec<NewOffer>, Error> {
    let slugs = wanted.iter().map(|want| want.subject.clone()).collect();
    let subjects = store::subject::by_slugs(txn, slugs).await?;
    let mut errors = Vec::new();
    let mut offers: Vec<NewOffer> = Vec::with_capacity(wanted.len());
    for (at, want) in wanted.iter().enumerate() {
        let Some(subject) = subjects.iter().find(|subject| subject.slug == want.subject) else {
            let field = format!("offers[{at}].subject");
            errors.push(FieldError::new(
                field,
                "unknown_subject",
                "there is no such subject",
            ));
            continue;
        };
        if !subject.levels.contains(&want.level) {
            errors.push(FieldError::new(
                format!("offers[{at}].level"),
                "unknown_level",
                taught_at(subject),
            ));
        } else if let Some(first) = wanted[..at]
            .iter()
            .position(|other| other.subject == want.subject && other.level == want.level)
        {
            let detail = format!("offers[{first}] is for the same subject and level");
            errors.push(FieldError::new(
                format!("offers[{at}]"),
                "duplicate",
                detail,
            ));
        }
        offers.push(NewOffer {
            subject_id: subject.id,
            level: want.level.clone(),
            lesson_minutes: want.lesson_minutes.clone(),
        });
    }
    if errors.is_empty() {
        Ok(offers)
    } else {
        Err(Error::Invalid(errors))
    }
}

/// Begins every edit of what belongs to a tutor: moves the version on, so that of two edits of one version
/// one is refused, and everything that was made of the version before is known to be old.
pub(super) async fn begin_edit(
    app: &App,
    txn: &DatabaseTransaction,
    id: TutorId,
    version: i32,
) -> Result<(), Error> {
    let moved = store::tutor::update(txn, id, version, Changes::default(), app.clock.now()).await?;
    if moved {
        Ok(())
    } else {
        Err(Error::PreconditionFailed)
    }
}

/// As [`begin_edit`], for what can be added to any version of the tutor; the version that it is then.
pub(super) async fn begin_addition(
    app: &App,
    txn: &DatabaseTransaction,
    id: TutorId,
) -> Result<i32, Error> {
    store::tutor::move_on(txn, id, app.clock.now())
        .await?
        .ok_or(Error::not_found("tutor"))
}
