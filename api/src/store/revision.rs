//! How often things have changed, counted by the database in the transaction that changes them.

use super::batch::Batch;
use ::entity::id::{AppKeyId, TutorId, UserId};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, FromQueryResult, raw_sql};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};
use uuid::Uuid;

/// What holds for every tutor (policy, holidays, subjects) and, of time, for everything.
const ALL: Uuid = Uuid::nil();

/// Who teaches what, and is found.
const DIRECTORY: Uuid = Uuid::max();

/// How often a thing, and all that it is made of, has changed: to be compared with what was remembered of the same
/// thing, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Of the database, as far as this instance knows: it may be replaced by a backup.
    history: u64,
    of_everything: i64,
    of_all_tutors: i64,
    own: i64,
}

/// Which count: of an id, that of its time or that of all else.
type Key = (Uuid, bool);

/// How often things had changed at one moment.
#[derive(Clone, Debug, Default)]
pub struct Revisions {
    counts: HashMap<Key, i64>,
    history: u64,
}

impl Revisions {
    fn count(&self, id: Uuid, of_time: bool) -> i64 {
        self.counts.get(&(id, of_time)).copied().unwrap_or_default()
    }

    fn revision(&self, of_all_tutors: i64, own: i64) -> Revision {
        Revision {
            history: self.history,
            of_everything: self.count(ALL, true),
            of_all_tutors,
            own,
        }
    }

    /// Of who a user is and may do, and of the user's sessions.
    pub fn of_user(&self, id: UserId) -> Revision {
        self.of_user_at(self.count(id.0, false))
    }

    /// As [`Revisions::of_user`], where the user's own count was read elsewhere.
    pub fn of_user_at(&self, own: i64) -> Revision {
        self.revision(0, own)
    }

    /// Of all that a tutor's entry in the directory and timetable are made of.
    pub fn of_tutor(&self, id: TutorId) -> Revision {
        self.revision(self.count(ALL, false), self.count(id.0, false))
    }

    /// Of what occupies the time of a tutor, or of a user as a student.
    pub fn of_time(&self, id: Uuid) -> Revision {
        self.revision(0, self.count(id, true))
    }

    /// Of who teaches what.
    pub fn of_directory(&self) -> Revision {
        self.revision(0, self.count(DIRECTORY, false))
    }
}

/// All revisions, as far as this instance has heard.
pub struct Feed {
    heard: Arc<RwLock<Heard>>,
    hear: Batch<(), ()>,
}

#[derive(Default)]
struct Heard {
    revisions: Revisions,
    /// The database's own name for its history.
    history: i64,
    /// What these revisions were read in (`pg_snapshot`): all that it saw was heard of.
    snapshot: Option<String>,
}

impl Feed {
    pub fn new(db: &DatabaseConnection) -> Self {
        let heard = Arc::<RwLock<Heard>>::default();
        let (heard_by, db) = (Arc::clone(&heard), db.clone());
        let hear = Batch::new(1, move |keys| {
            let (heard, db) = (Arc::clone(&heard_by), db.clone());
            async move {
                hear(&db, &heard).await?;
                Ok(keys.into_iter().map(|key| (key, ())).collect())
            }
        });
        Self { heard, hear }
    }

    /// Hears of everything that was committed before this call.
    pub async fn catch_up(&self) -> Result<(), DbErr> {
        self.hear.get(vec![()]).await.map(drop)
    }

    /// What was heard of these tutors, of this user, and of all that holds for every tutor.
    pub fn heard(&self, tutors: &[TutorId], user: Option<UserId>) -> Revisions {
        let heard = self.heard.read().unwrap_or_else(PoisonError::into_inner);
        let all = &heard.revisions;
        let keys = ids(tutors, user).flat_map(|id| [(id, false), (id, true)]);
        let counts = keys.filter_map(|key| Some((key, *all.counts.get(&key)?)));
        Revisions {
            counts: counts.collect(),
            history: all.history,
        }
    }

    /// What was heard of a key of a third-party app.
    pub fn heard_of_app_key(&self, id: AppKeyId) -> Revision {
        let revisions = self.heard(&[], Some(UserId(id.0)));
        revisions.of_user_at(revisions.count(id.0, false))
    }

    /// As [`Feed::heard`], as a transaction sees it.
    pub async fn within(
        &self,
        txn: &impl ConnectionTrait,
        tutor: TutorId,
        student: Option<UserId>,
    ) -> Result<Revisions, DbErr> {
        let ids: Vec<Uuid> = ids(&[tutor], student).collect();
        let rows = Row::find_by_statement(raw_sql!(
            Postgres,
            r#"SELECT id, of_time, revision FROM revisions WHERE id = ANY({ids})"#
        ))
        .all(txn)
        .await?;
        Ok(Revisions {
            counts: rows.into_iter().map(Row::count).collect(),
            history: self.heard(&[], None).history,
        })
    }
}

fn ids(tutors: &[TutorId], user: Option<UserId>) -> impl Iterator<Item = Uuid> {
    let of_all = [ALL, DIRECTORY].into_iter();
    of_all
        .chain(tutors.iter().map(|id| id.0))
        .chain(user.map(|id| id.0))
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    of_time: bool,
    revision: i64,
}

impl Row {
    fn count(self) -> (Key, i64) {
        ((self.id, self.of_time), self.revision)
    }
}

/// What the database says has happened since a snapshot.
#[derive(Default)]
struct News {
    history: i64,
    snapshot: Option<String>,
    moved: Vec<Row>,
}

/// Asks for all that the last snapshot did not see.
async fn hear(db: &DatabaseConnection, heard: &RwLock<Heard>) -> Result<(), DbErr> {
    let (history, snapshot) = {
        let heard = heard.read().unwrap_or_else(PoisonError::into_inner);
        (heard.history, heard.snapshot.clone())
    };
    let is_first = snapshot.is_none();
    let mut news = news_since(db, snapshot).await?;
    let is_another = news.history != history;
    if is_another && !is_first {
        news = news_since(db, None).await?;
    }
    let mut heard = heard.write().unwrap_or_else(PoisonError::into_inner);
    if is_another {
        heard.revisions.counts.clear();
        heard.revisions.history += 1;
    }
    heard.history = news.history;
    heard.snapshot = news.snapshot;
    let counts = news.moved.into_iter().map(Row::count);
    heard.revisions.counts.extend(counts);
    Ok(())
}

async fn news_since(db: &DatabaseConnection, snapshot: Option<String>) -> Result<News, DbErr> {
    #[derive(FromQueryResult)]
    struct Line {
        history: i64,
        snapshot: String,
        id: Option<Uuid>,
        of_time: Option<bool>,
        revision: Option<i64>,
    }
    let since = snapshot.unwrap_or_else(|| NOTHING_SEEN.to_owned());
    let lines = Line::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT history, snapshot, id, of_time, revision FROM revisions_since({since}::pg_snapshot)"#
    ))
    .all(db)
    .await?;
    let mut news = News::default();
    for line in lines {
        news.history = line.history;
        news.snapshot = Some(line.snapshot);
        if let (Some(id), Some(of_time), Some(revision)) = (line.id, line.of_time, line.revision) {
            news.moved.push(Row {
                id,
                of_time,
                revision,
            });
        }
    }
    Ok(news)
}

/// A snapshot of before the first transaction.
const NOTHING_SEEN: &str = "1:1:";
