//! What a tutor writes into the titles of events so that students can join them.

use super::{
    TutorId, UserId,
    bookable_event::{self, NOT_CONNECTED},
    caller::Caller,
    queue::Outcome,
    transaction::transaction,
    tutor::begin_edit,
};
use crate::{
    app::App,
    error::{Error, FieldError},
    store::{
        self,
        bookable_tag::{NewBookableTag, TaggedEvent},
        job::Work,
    },
};
use chrono::TimeDelta;
use sea_orm::DatabaseTransaction;

pub use crate::store::bookable_tag::BookableTag;

/// How many tags a tutor can have.
pub const MOST_TAGS: usize = 20;

/// So many events that can't be opened are listed.
const MOST_REFUSED: i64 = 100;

/// So many events are opened in one go: each asks Google.
const AT_A_TIME: i64 = 10;

/// The tags of a tutor, and which events have one and can't be joined.
#[derive(Debug)]
pub struct BookableTags {
    /// Of several in one title the first counts.
    pub items: Vec<BookableTag>,
    /// Those that are ahead, the first to begin first.
    pub refused: Vec<TaggedEvent>,
}

/// A tag that is wanted, by the slug of the subject.
#[derive(Clone, Debug)]
pub struct WantedTag {
    pub tag: String,
    pub subject: String,
    pub level: String,
    pub capacity: i16,
    pub description: String,
}

/// The tags of a tutor.
pub async fn list(app: &App, tutor_id: TutorId) -> Result<BookableTags, Error> {
    let limit = (MOST_REFUSED, app.clock.now());
    Ok(BookableTags {
        items: store::bookable_tag::of_tutor(&app.db, tutor_id).await?,
        refused: store::bookable_tag::refused(&app.db, tutor_id, limit).await?,
    })
}

/// Replaces all tags of a tutor who is still at `version`. All titles are read anew for them; lessons of events that are open stay.
///
/// # Errors
/// [`Error::PreconditionFailed`]; [`Error::Invalid`] naming each tag that stands twice, or is for what the tutor does not offer.
pub async fn replace(
    app: &App,
    tutor_id: TutorId,
    version: i32,
    wanted: &[WantedTag],
    dry_run: bool,
) -> Result<BookableTags, Error> {
    let user = store::tutor::user_of(&app.db, tutor_id).await?;
    let user = user.ok_or(Error::not_found("tutor"))?;
    let now = app.clock.now();
    let replaced = transaction!(app.db, dry_run, |txn| {
        // Whoever stores what Google tells does so before that, or asks anew.
        store::lock_time_of(txn, &[user]).await?;
        begin_edit(app, txn, tutor_id, version).await?;
        let tags = resolve(txn, tutor_id, wanted).await?;
        let before = store::bookable_tag::of_tutor(txn, tutor_id).await?;
        store::bookable_tag::replace(txn, tutor_id, &tags).await?;
        let items = store::bookable_tag::of_tutor(txn, tutor_id).await?;
        if items != before {
            read_titles_anew(app, txn, (user, tutor_id)).await?;
        }
        Ok(BookableTags {
            items,
            refused: store::bookable_tag::refused(txn, tutor_id, (MOST_REFUSED, now)).await?,
        })
    })?;
    if !dry_run {
        app.work_enqueued.notify_one();
    }
    Ok(replaced)
}

async fn resolve(
    txn: &DatabaseTransaction,
    tutor_id: TutorId,
    wanted: &[WantedTag],
) -> Result<Vec<NewBookableTag>, Error> {
    let offers = store::offer::of_tutors(txn, &[tutor_id]).await?;
    let mut errors = Vec::new();
    let mut tags = Vec::with_capacity(wanted.len());
    for (at, want) in wanted.iter().enumerate() {
        let is_the_same = |other: &WantedTag| other.tag.to_lowercase() == want.tag.to_lowercase();
        if wanted[..at].iter().any(is_the_same) {
            let field = format!("tags[{at}].tag");
            errors.push(FieldError::new(field, "duplicate", "stands twice"));
        }
        let mut offers = offers.iter();
        let offer = offers.find(|it| it.slug == want.subject && it.level == want.level);
        let Some(offer) = offer else {
            let detail = "the tutor does not teach this subject at this level";
            let field = format!("tags[{at}].subject");
            errors.push(FieldError::new(field, "not_offered", detail));
            continue;
        };
        tags.push(NewBookableTag {
            tag: want.tag.clone(),
            subject_id: offer.subject_id,
            level: want.level.clone(),
            capacity: want.capacity,
            description: want.description.clone(),
        });
    }
    if errors.is_empty() {
        Ok(tags)
    } else {
        Err(Error::Invalid(errors))
    }
}

/// No titles are kept, so all events have to be told again. What is busy stays until they are.
async fn read_titles_anew(
    app: &App,
    txn: &DatabaseTransaction,
    (user, tutor_id): (UserId, TutorId),
) -> Result<(), Error> {
    store::bookable_tag::forget_all(txn, user).await?;
    if store::google_grant::of_user(txn, user).await?.is_none() {
        return Ok(());
    }
    store::calendar_event::forget_all(txn, user).await?;
    let work = Work::ReadBusyTime(tutor_id);
    Ok(store::job::enqueue(txn, work, app.clock.now()).await?)
}

/// The first of these tags that a title contains, in whatever case.
pub(super) fn of_title<'a>(tags: &'a [BookableTag], title: &str) -> Option<&'a BookableTag> {
    let title = title.to_lowercase();
    tags.iter()
        .find(|it| title.contains(&it.tag.to_lowercase()))
}

/// Opens events of a tutor that have a tag, or notes why students can't join them.
pub async fn open_tagged(app: &App, tutor_id: TutorId) -> Result<Outcome, Error> {
    let Some(caller) = Caller::tutor_alone(app, tutor_id).await? else {
        // Who is reinstated asks for it again.
        return Ok(Outcome::Done);
    };
    let tagged = store::bookable_tag::to_open(&app.db, tutor_id, AT_A_TIME).await?;
    let mut failure = None;
    for event in &tagged {
        let Err(error) = open_one(app, &caller, tutor_id, event).await else {
            continue;
        };
        match refusal(error) {
            // All are told anew when the tutor connects again.
            Ok(code) if code == NOT_CONNECTED => return Ok(Outcome::Done),
            Ok(code) => store::bookable_tag::note_refused(&app.db, event, &code).await?,
            // The others don't wait for it.
            Err(error) => failure = Some(error),
        }
    }
    let may_be_more = i64::try_from(tagged.len()).is_ok_and(|n| n >= AT_A_TIME);
    Ok(match failure {
        Some(error) => Outcome::Failed(error),
        None if may_be_more => Outcome::Again(TimeDelta::zero()),
        None => Outcome::Done,
    })
}

async fn open_one(
    app: &App,
    caller: &Caller,
    tutor_id: TutorId,
    tagged: &TaggedEvent,
) -> Result<(), Error> {
    let user = caller.user_id().ok_or(Error::not_found("tutor"))?;
    let place = (tagged.calendar_id, tagged.google_id.as_str());
    let read = bookable_event::read(app, user, place).await?;
    bookable_event::open_by_tag(app, caller, (user, tutor_id), (&read, tagged)).await
}

/// Why an event can't be opened, if it is for what stands in the way, and not because something failed.
fn refusal(error: Error) -> Result<String, Error> {
    match error {
        Error::Conflict(conflict) => Ok(conflict
            .conflicts
            .first()
            .map_or(conflict.code, |it| it.code)
            .to_owned()),
        Error::Invalid(fields) => {
            let mut codes = fields.into_iter().map(|it| it.code.into_owned());
            Ok(codes.next().unwrap_or_default())
        }
        error => Err(error),
    }
}
