//! Tutors, what they teach and when they are there.

use super::{TutorId, session::Viewer, transaction::transaction};
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
use sea_orm::DatabaseTransaction;
use std::sync::Arc;

pub use crate::store::{
    offer::Offer,
    tutor::{Changes, Tutor},
};

/// Which tutors are listed, and where the page begins.
#[derive(Debug, Default)]
pub struct Listing {
    /// Slug of a subject.
    pub subject: Option<String>,
    pub level: Option<String>,
    pub after: Option<TutorId>,
    pub limit: u32,
}

/// Visible tutors, the longest-serving first.
///
/// # Errors
/// [`Error::Invalid`] for a subject or a level of it that there is not.
pub async fn list(app: &App, listing: Listing) -> Result<Vec<Arc<Tutor>>, Error> {
    let filter = Filter {
        subject: listing.subject,
        level: listing.level,
        after: listing.after,
        limit: listing.limit.into(),
        ..Filter::default()
    };
    let ids = find(app, filter).await?;
    let revisions = app.cache.revisions(&ids, None);
    Ok(app.cache.tutors(&revisions, &ids).await?)
}

/// The tutors that a filter lets through.
///
/// # Errors
/// [`Error::Invalid`] for a subject or a level of it that there is not.
pub(super) async fn find(app: &App, filter: Filter) -> Result<Arc<Vec<TutorId>>, Error> {
    let (subject, level) = (filter.subject.clone(), filter.level.clone());
    let ids = app.cache.found(filter).await?;
    if let (Some(subject), true) = (subject, ids.is_empty()) {
        check_subject(app, subject, level.as_deref()).await?;
    }
    Ok(ids)
}

async fn check_subject(app: &App, slug: String, level: Option<&str>) -> Result<(), Error> {
    let found = store::subject::by_slugs(&app.db, vec![slug]).await?;
    let subject = found
        .first()
        .ok_or_else(|| Error::invalid("subject", "unknown_subject", "there is no such subject"))?;
    if level.is_none_or(|level| subject.levels.iter().any(|known| known == level)) {
        return Ok(());
    }
    Err(Error::invalid("level", "unknown_level", taught_at(subject)))
}

fn taught_at(subject: &SubjectWithLevels) -> String {
    let levels = subject.levels.join(", ");
    format!("{} is taught at: {levels}", subject.name)
}

/// A tutor, if this viewer may see it: hidden tutors are seen by themselves and admins only.
pub async fn get(app: &App, viewer: Viewer, id: TutorId) -> Result<Arc<Tutor>, Error> {
    let revisions = app.cache.revisions(&[id], None);
    let tutor = app.cache.tutors(&revisions, &[id]).await?.pop();
    visible(tutor, viewer)
}

/// The profile of a tutor, as [`get`].
pub async fn profile(app: &App, viewer: Viewer, id: TutorId) -> Result<Profile, Error> {
    Ok(get(app, viewer, id).await?.profile.clone())
}

/// The tutor, if there is one and this viewer may see it.
pub(super) fn visible(tutor: Option<Arc<Tutor>>, viewer: Viewer) -> Result<Arc<Tutor>, Error> {
    tutor
        .filter(|tutor| {
            let profile = &tutor.profile;
            profile.visible || viewer.is_admin || profile.user_id == viewer.user_id
        })
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
