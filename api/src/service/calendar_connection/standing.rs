//! How connections stand, for tutors and for the staff of the centre.

use crate::{
    app::App,
    error::Error,
    service::{TutorId, UserId, caller::Caller},
    store::{self, google_grant::Standing},
};
use chrono::{DateTime, Utc};
use google::scope;

pub use crate::store::google_grant::{Filter, State};

/// What a connection can't do for want of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limitation {
    /// Lessons don't reach the calendar.
    LessonsNotWritten,
    /// Nothing in the calendar blocks.
    BusyTimeNotRead,
    /// Calendars that others share with the tutor can't block.
    OthersNotRead,
    /// It can't be chosen which calendars block.
    CalendarsNotListed,
}

/// A connection as its owner sees it.
#[derive(Debug)]
pub struct Connection {
    pub state: State,
    /// The Google account, for its owner only.
    pub email: Option<String>,
    /// What was asked for and not granted.
    pub missing_scopes: Vec<&'static str>,
    /// What follows from that.
    pub limitations: Vec<Limitation>,
    pub failing_since: Option<DateTime<Utc>>,
    pub busy_read_at: Option<DateTime<Utc>>,
    pub next_read_at: Option<DateTime<Utc>>,
    /// Since when the tutor is not offered, because the calendar was not read for so long.
    pub busy_unknown_since: Option<DateTime<Utc>>,
    pub connected_at: Option<DateTime<Utc>>,
}

/// A tutor's connection.
#[derive(Debug)]
pub struct OfTutor {
    pub tutor_id: TutorId,
    pub name: String,
    pub connection: Connection,
}

/// How the connection of this user stands.
pub async fn get(app: &App, user_id: UserId) -> Result<Connection, Error> {
    of_user(app, user_id, Some(user_id)).await
}

/// How the connection of a tutor stands.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn of_tutor(app: &App, caller: &Caller, id: TutorId) -> Result<Connection, Error> {
    let user_id = store::tutor::user_of(&app.db, id).await?;
    let user_id = user_id.ok_or(Error::not_found("tutor"))?;
    of_user(app, user_id, caller.user_id()).await
}

async fn of_user(app: &App, user_id: UserId, asks: Option<UserId>) -> Result<Connection, Error> {
    let filter = Filter {
        user_id: Some(user_id),
        limit: 1,
        ..Filter::default()
    };
    let found = list(app, asks, filter).await?.pop();
    Ok(found.map_or_else(Connection::none, |it| it.connection))
}

/// How the connections of tutors stand, the longest-serving first.
pub async fn list(app: &App, asks: Option<UserId>, filter: Filter) -> Result<Vec<OfTutor>, Error> {
    let now = app.clock.now();
    let found = store::google_grant::standings(&app.db, filter, scope::CALENDAR, now).await?;
    let reads = app.google.is_some();
    let shown = found.into_iter().map(|mut standing| {
        standing.email = standing.email.filter(|_| asks == Some(standing.user_id));
        standing.busy_known_until = standing.busy_known_until.filter(|_| reads);
        OfTutor {
            tutor_id: standing.tutor_id,
            name: std::mem::take(&mut standing.name),
            connection: Connection::new(standing, now),
        }
    });
    Ok(shown.collect())
}

impl Connection {
    fn none() -> Self {
        Self {
            state: State::NotConnected,
            email: None,
            missing_scopes: Vec::new(),
            limitations: Vec::new(),
            failing_since: None,
            busy_read_at: None,
            next_read_at: None,
            busy_unknown_since: None,
            connected_at: None,
        }
    }

    fn new(standing: Standing, now: DateTime<Utc>) -> Self {
        let Some(granted) = standing.scopes else {
            return Self::none();
        };
        let is_missing = |scope: &&str| granted.iter().all(|granted| granted != scope);
        let missing_scopes = scope::CALENDAR.iter().copied().filter(is_missing);
        let missing_scopes: Vec<_> = missing_scopes.collect();
        Self {
            state: standing.state,
            email: standing.email,
            limitations: limitations(&missing_scopes),
            missing_scopes,
            failing_since: standing.failing_since,
            busy_read_at: standing.busy_read_at,
            next_read_at: standing.next_read_at,
            busy_unknown_since: standing.busy_known_until.filter(|until| *until <= now),
            connected_at: standing.connected_at,
        }
    }
}

/// What can't be done without these. The events of the tutor's own calendars tell busy time as well, if it is to be known which
/// those are.
fn limitations(missing: &[&str]) -> Vec<Limitation> {
    let events = missing.contains(&scope::CALENDAR_EVENTS_OWNED);
    let free_busy = missing.contains(&scope::CALENDAR_FREEBUSY);
    let list = missing.contains(&scope::CALENDAR_CALENDARLIST_READONLY);
    let all = [
        (events, Limitation::LessonsNotWritten),
        (free_busy && (events || list), Limitation::BusyTimeNotRead),
        (free_busy && !events && !list, Limitation::OthersNotRead),
        (list, Limitation::CalendarsNotListed),
    ];
    let all = all.into_iter().filter(|(follows, _)| *follows);
    all.map(|(_, limitation)| limitation).collect()
}
