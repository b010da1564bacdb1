//! Tutors, what they teach and when they are there.

use super::{TutorId, session::Viewer, transaction::transaction};
use crate::{
    app::App,
    error::{Error, FieldError},
    store::{
        self,
        offer::NewOffer,
        tutor::{Filter, Profile},
    },
};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

pub use crate::store::{offer::Offer, tutor::Changes};

/// A tutor with all that is taught.
#[derive(Clone, Debug)]
pub struct Tutor {
    pub profile: Profile,
    pub offers: Vec<Offer>,
}

/// Which tutors are listed, and where the page begins.
#[derive(Debug, Default)]
pub struct Listing {
    /// Slug of a subject.
    pub subject: Option<String>,
    pub level: Option<String>,
    pub after: Option<TutorId>,
    pub limit: u32,
}

/// Visible tutors. Two or three queries, whatever the number of tutors.
pub async fn list(app: &App, listing: Listing) -> Result<Vec<Tutor>, Error> {
    let subject_id = match &listing.subject {
        None => None,
        Some(slug) => match store::subject::by_slug(&app.db, slug).await? {
            Some(subject) => Some(subject.id),
            None => return Ok(Vec::new()),
        },
    };
    let filter = Filter {
        subject_id,
        level: listing.level,
        after: listing.after,
        limit: listing.limit.into(),
    };
    let profiles = store::tutor::list(&app.db, filter).await?;
    let ids: Vec<TutorId> = profiles.iter().map(|profile| profile.id).collect();
    let mut offers = store::offer::of_tutors(&app.db, &ids).await?;
    Ok(profiles
        .into_iter()
        .map(|profile| {
            let own = offers
                .extract_if(.., |offer| offer.tutor_id == profile.id)
                .collect();
            Tutor {
                profile,
                offers: own,
            }
        })
        .collect())
}

/// A tutor, if this viewer may see it: hidden tutors are seen by themselves and admins only.
pub async fn get(app: &App, viewer: Viewer, id: TutorId) -> Result<Tutor, Error> {
    let profile = visible(&app.db, viewer, id).await?;
    with_offers(&app.db, profile).await
}

async fn with_offers(db: &impl ConnectionTrait, profile: Profile) -> Result<Tutor, Error> {
    let offers = store::offer::of_tutors(db, &[profile.id]).await?;
    Ok(Tutor { profile, offers })
}

/// The profile of a tutor, as [`get`].
pub async fn profile(app: &App, viewer: Viewer, id: TutorId) -> Result<Profile, Error> {
    visible(&app.db, viewer, id).await
}

pub(super) async fn visible(
    db: &impl ConnectionTrait,
    viewer: Viewer,
    id: TutorId,
) -> Result<Profile, Error> {
    store::tutor::profile(db, id)
        .await?
        .filter(|profile| profile.visible || viewer.is_admin || profile.user_id == viewer.user_id)
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
        let profile = store::tutor::profile(txn, id).await?;
        with_offers(txn, profile.ok_or(Error::not_found("tutor"))?).await
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
            let detail = format!(
                "{} is taught at: {}",
                subject.name,
                subject.levels.join(", ")
            );
            errors.push(FieldError::new(
                format!("offers[{at}].level"),
                "unknown_level",
                detail,
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
