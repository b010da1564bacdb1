//! The calendars of a tutor's Google account, and which of them block the tutor's time.

use super::{
    CalendarId, TutorId, UserId,
    calendar_connection::{Failure, with_token},
    transaction::transaction,
};
use crate::{
    app::{App, Google},
    error::{Error, FieldError},
    store::{self, calendar::Listed, google_grant::BusyReadClaim, job::Work, session::Holder},
};
use chrono::{DateTime, TimeDelta, Utc};
use google::{CalendarEntry, scope};
use sea_orm::DatabaseTransaction;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

pub use crate::store::calendar::{AccessRole, Calendar};

/// How many calendars may block: of so many Google tells in one answer when they are busy.
pub const MOST_BLOCKING: usize = 50;

/// How many calendars of an account are kept.
const MOST: usize = 500;

/// How many characters of a name are kept.
const LONGEST_SUMMARY: usize = 200;

/// A calendar whose id has more bytes can't be kept. Those of Google have some hundred.
const LONGEST_ID: usize = 1000;

/// For so long the list that Google told is good.
const LASTS: TimeDelta = TimeDelta::hours(1);

/// How long Google may take to tell the list. Busy time is read afterwards, by the same job.
const PATIENCE: Duration = Duration::from_secs(10);

/// The calendars of a user.
#[derive(Debug, Default)]
pub struct Calendars {
    /// Zero where nothing is connected.
    pub version: i32,
    /// When Google last told which there are; none: not yet.
    pub read_at: Option<DateTime<Utc>>,
    /// Whether lessons get a Meet link.
    pub meet_links: bool,
    /// The primary one first, then by name.
    pub items: Vec<Calendar>,
}

impl Calendars {
    /// The calendar that receives lessons: the one that was chosen to, as long as it is the user's own, or else the
    /// primary one.
    pub fn receiving(&self) -> Option<CalendarId> {
        let chosen = |it: &&Calendar| it.receives_lessons && it.access_role == AccessRole::Owner;
        let primary = |it: &&Calendar| it.is_primary;
        let calendars = self.items.iter();
        let receiving = calendars.clone().find(chosen);
        receiving
            .or(calendars.clone().find(primary))
            .map(|it| it.id)
    }
}

/// What a tutor chooses of their calendars.
pub struct Choice {
    /// Those that block.
    pub blocking: Vec<CalendarId>,
    /// The one that receives lessons; none: the primary one.
    pub receiving: Option<CalendarId>,
    /// Whether lessons get a Meet link; none: as before.
    pub meet_links: Option<bool>,
}

/// The calendars of a user; none where nothing is connected.
pub async fn list(app: &App, user_id: UserId) -> Result<Calendars, Error> {
    let Some(grant) = store::google_grant::of_user(&app.db, user_id).await? else {
        return Ok(Calendars::default());
    };
    // After the version: whoever edits by an older one than the calendars have is told so.
    let items = store::calendar::of_user(&app.db, user_id).await?;
    Ok(Calendars {
        version: grant.calendars_version,
        read_at: grant.calendars_read_at,
        meet_links: grant.meet_links,
        items,
    })
}

/// Lets these calendars of a tutor block, and no others, and this one receive lessons, if the choice is still at `version`;
/// all of them then. Busy time that is known stays until it is read anew, which is asked for at once. Events of lessons stay
/// in the calendar in which they are.
///
/// # Errors
/// [`Error::Forbidden`] for who is no tutor; [`Error::Conflict`] where nothing is connected, or it is not known which
/// calendars there are; [`Error::Invalid`] naming those that are not there, or are not the tutor's own and can't receive
/// lessons.
pub async fn replace_choice(
    app: &App,
    holder: &Holder,
    version: i32,
    choice: &Choice,
    dry_run: bool,
) -> Result<Calendars, Error> {
    let Some(tutor_id) = holder.tutor_id else {
        return Err(Error::Forbidden {
            code: "not_a_tutor",
            detail: "Only tutors choose what their calendars are for.".into(),
        });
    };
    let people = (holder.user_id, tutor_id);
    let chosen = transaction!(app.db, dry_run, |txn| {
        choose(txn, people, version, choice, app.clock.now()).await
    })?;
    if !dry_run {
        app.work_enqueued.notify_one();
    }
    Ok(chosen)
}

async fn choose(
    txn: &DatabaseTransaction,
    (user_id, tutor_id): (UserId, TutorId),
    version: i32,
    choice: &Choice,
    now: DateTime<Utc>,
) -> Result<Calendars, Error> {
    let Some(grant) = store::google_grant::of_user(txn, user_id).await? else {
        let detail = "No calendar is connected.";
        return Err(Error::conflict("not_connected", detail));
    };
    if grant.calendars_read_at.is_none() {
        let detail = "It is not known yet which calendars there are.";
        return Err(Error::conflict("calendars_not_read", detail));
    }
    let meet_links = choice.meet_links.unwrap_or(grant.meet_links);
    if !store::calendar::begin_edit(txn, user_id, version, meet_links).await? {
        return Err(Error::PreconditionFailed);
    }
    choice.check(&store::calendar::of_user(txn, user_id).await?)?;
    store::calendar::choose_blocking(txn, user_id, &choice.blocking).await?;
    store::calendar::choose_receiving(txn, user_id, choice.receiving).await?;
    store::job::enqueue(txn, Work::ReadBusyTime(tutor_id), now).await?;
    Ok(Calendars {
        version: version + 1,
        read_at: grant.calendars_read_at,
        meet_links,
        items: store::calendar::of_user(txn, user_id).await?,
    })
}

impl Choice {
    fn check(&self, known: &[Calendar]) -> Result<(), Error> {
        let known: HashMap<_, _> = known.iter().map(|it| (it.id, it.access_role)).collect();
        let unknown =
            |field| FieldError::new(field, "unknown_calendar", "there is no such calendar");
        let blocking = self.blocking.iter().enumerate();
        let blocking = blocking.filter(|(_, id)| !known.contains_key(id));
        let mut errors: Vec<_> = blocking
            .map(|(at, _)| unknown(format!("blocking[{at}]")))
            .collect();
        let field = || "receiving".to_owned();
        match self.receiving.map(|id| known.get(&id)) {
            None | Some(Some(AccessRole::Owner)) => {}
            Some(None) => errors.push(unknown(field())),
            Some(Some(_)) => errors.push(FieldError::new(
                field(),
                "not_own_calendar",
                "only a calendar that you own can receive lessons",
            )),
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(errors))
        }
    }
}

/// Whether Google is to be asked now which calendars there are.
pub(super) fn is_due(claim: &BusyReadClaim, now: DateTime<Utc>) -> bool {
    may_list(&claim.scopes)
        && claim
            .calendars_read_at
            .is_none_or(|read_at| read_at < claim.connected_at || read_at + LASTS <= now)
}

/// Whether these scopes let us ask which calendars there are.
pub(super) fn may_list(scopes: &[String]) -> bool {
    scopes
        .iter()
        .any(|granted| granted == scope::CALENDAR_CALENDARLIST_READONLY)
}

/// Whether these scopes let us know when the tutor is busy.
pub(super) fn may_know_busy_time(scopes: &[String]) -> bool {
    let has = |scope| scopes.iter().any(|granted| granted == scope);
    // Of which calendars the events are to be read, the list tells.
    has(scope::CALENDAR_FREEBUSY) || has(scope::CALENDAR_EVENTS_OWNED) && may_list(scopes)
}

/// Reads from Google which calendars there are.
pub(super) async fn read(
    app: &App,
    google: &Google,
    claim: &BusyReadClaim,
    read_at: DateTime<Utc>,
) -> Result<(), Failure> {
    let asking = with_token(app, google, claim.id, |token| async move {
        google.calendar.calendars(&token).await
    });
    let told = tokio::time::timeout(PATIENCE, asking).await;
    let told = told.unwrap_or_else(|_| {
        let reason = "no list of calendars in time".to_owned();
        Err(google::Error::Unavailable {
            reason,
            retry_after: None,
        })
    });
    let listed = listed(told?)?;
    transaction!(app.db, |txn| {
        keep(txn, claim, listed.clone(), read_at).await
    })?;
    Ok(())
}

async fn keep(
    txn: &DatabaseTransaction,
    claim: &BusyReadClaim,
    mut listed: Vec<Listed>,
    read_at: DateTime<Utc>,
) -> Result<(), Error> {
    if !store::calendar::note_list_read(txn, claim.id, read_at).await? {
        // Another account is connected by now, or none; or what is known is newer.
        return Ok(());
    }
    if listed.len() > MOST {
        let known = store::calendar::of_user(txn, claim.user_id).await?;
        let known: HashSet<_> = known.iter().map(|one| one.google_id.as_str()).collect();
        listed.sort_by_key(|one| (!one.is_primary, !known.contains(one.google_id.as_str())));
        listed.truncate(MOST);
        tracing::warn!(user = %claim.user_id, "not all calendars of an account are kept");
    }
    Ok(store::calendar::replace(txn, claim.user_id, listed).await?)
}

/// What Google lists, in a form that can be kept: each once, and one of them the primary one.
fn listed(entries: Vec<CalendarEntry>) -> Result<Vec<Listed>, google::Error> {
    let mut found = BTreeMap::new();
    let mut has_primary = false;
    for entry in entries {
        let can_be_kept =
            (1..=LONGEST_ID).contains(&entry.id.len()) && !entry.id.contains(char::is_control);
        if !can_be_kept || found.contains_key(&entry.id) {
            continue;
        }
        let is_primary = entry.primary && !has_primary;
        has_primary |= is_primary;
        let printable = entry.summary.chars().filter(|one| !one.is_control());
        let calendar = Listed {
            google_id: entry.id.clone(),
            summary: printable.take(LONGEST_SUMMARY).collect(),
            time_zone: entry.time_zone.map(|zone| zone.name().to_owned()),
            access_role: role(entry.access_role),
            is_primary,
        };
        found.insert(entry.id, calendar);
    }
    if !has_primary {
        // Every account has one: what was told is not the whole.
        let reason = "a list of calendars without a primary one".to_owned();
        return Err(google::Error::Protocol(reason));
    }
    Ok(found.into_values().collect())
}

fn role(role: google::AccessRole) -> AccessRole {
    match role {
        google::AccessRole::Owner => AccessRole::Owner,
        google::AccessRole::Writer => AccessRole::Writer,
        google::AccessRole::Reader => AccessRole::Reader,
        google::AccessRole::FreeBusyReader => AccessRole::FreeBusyReader,
        google::AccessRole::Other => AccessRole::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, primary: bool) -> CalendarEntry {
        CalendarEntry {
            id: id.to_owned(),
            summary: format!("{id}\u{0}\n{}", "é".repeat(300)),
            primary,
            access_role: google::AccessRole::Owner,
            time_zone: None,
        }
    }

    #[test]
    fn what_can_not_be_kept_is_left_out_and_nothing_stands_twice() {
        let too_long = "x".repeat(LONGEST_ID + 1);
        let told = ["a", "b", "a", "", "d\u{0}", &too_long, "c"];
        let told = told.map(|id| entry(id, id != "c")).to_vec();
        let kept = listed(told).expect("a list");
        let ids: Vec<_> = kept.iter().map(|one| one.google_id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert_eq!(kept.iter().filter(|one| one.is_primary).count(), 1);
        for one in kept {
            assert_eq!(one.summary.chars().count(), LONGEST_SUMMARY);
            assert!(!one.summary.contains(char::is_control));
        }
    }

    #[test]
    fn a_list_without_a_primary_calendar_is_none() {
        assert!(listed(vec![entry("a", false)]).is_err());
        assert!(listed(Vec::new()).is_err());
    }
}
