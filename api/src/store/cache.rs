//! What requests read again and again, kept in memory and never out of date.
//!
//! Each thing is kept with the [revision](super::revision) that it had before it was read. A reader first
//! [catches up](Cache::catch_up) with the database, by one small query that all share who ask at about the same
//! time, and then takes from memory only what has not changed since. So an instance sees at once what any other has
//! committed, and nothing has to be told to anybody.

use super::{
    app_key::{self, AppKey},
    batch::Batch,
    booking,
    occupied::{self, AsOf},
    revision::{Feed, Revision, Revisions},
    session::{self, Holder, TokenHash},
    tutor::{self, Filter, Tutor},
};
use crate::clock::Clock;
use ::entity::id::{AppKeyId, TutorId, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    availability::{DateOverride, TimeOff, WeeklyRule},
    interval::Span,
    slots::Occupancy,
};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, IsolationLevel,
    TransactionTrait,
};
use std::{collections::HashMap, hash::Hash, iter, sync::Arc, time::Duration};

/// About how many bytes each kind of thing may take.
const CAPACITY: u64 = 32 << 20;

/// What nobody has asked for in so long is forgotten.
const IDLE: Duration = Duration::from_hours(1);

/// What depends on the date is read anew after so long.
const LIFETIME: Duration = Duration::from_hours(12);

/// So many reads of a kind are under way at most, so that one that stands still does not hold up all.
const READERS: usize = 2;

/// Time that is over counts only towards the caps of a week that is not, and in windows that begin in the past.
const LOOKING_BACK: TimeDelta = TimeDelta::days(30);

/// How far back lessons count as lessons together.
const TOGETHER_SINCE: TimeDelta = TimeDelta::days(365);

/// See the module.
pub struct Cache {
    db: DatabaseConnection,
    clock: Clock,
    feed: Feed,
    sessions: Kept<TokenHash, Holder>,
    app_keys: Kept<AppKeyId, AppKey>,
    tutors: Kept<TutorId, Tutor>,
    found: Kept<Filter, Vec<TutorId>>,
    occupied: Kept<TutorId, AsOf<Occupancy>>,
    student_busy: Kept<UserId, AsOf<Vec<Span>>>,
    lessons_together: Kept<UserId, HashMap<TutorId, u32>>,
}

/// What occupies tutors, in the order in which they were asked for, and a student.
pub struct OccupiedTime {
    pub tutors: Vec<Arc<AsOf<Occupancy>>>,
    /// Tidy: see [`scheduling::interval`].
    pub student: Arc<AsOf<Vec<Span>>>,
}

/// What there is to know of many students at once.
pub struct OfStudents {
    /// Tidy: see [`scheduling::interval`].
    pub busy: HashMap<UserId, AsOf<Vec<Span>>>,
    /// As [`Cache::lessons_together`].
    pub lessons_together: HashMap<UserId, HashMap<TutorId, u32>>,
}

impl Cache {
    pub fn new(db: &DatabaseConnection, clock: &Clock) -> Self {
        let sessions = batch(db, clock, |db, _, hashes: Vec<TokenHash>| async move {
            session::holders(&db, &hashes).await.map(shared)
        });
        let app_keys = batch(db, clock, |db, _, ids: Vec<AppKeyId>| async move {
            app_key::live(&db, &ids).await.map(shared)
        });
        let tutors = batch(db, clock, |db, now, ids: Vec<TutorId>| async move {
            // All parts of a tutor as they are at one moment.
            let (isolation, access) = (IsolationLevel::RepeatableRead, AccessMode::ReadOnly);
            let txn = db.begin_with_config(Some(isolation), Some(access)).await?;
            let tutors = tutor::load(&txn, &ids, now).await?;
            txn.commit().await?;
            Ok(shared(tutors))
        });
        let found = batch(db, clock, |db, _, filters: Vec<Filter>| async move {
            let mut found = HashMap::with_capacity(filters.len());
            for filter in filters {
                let ids = tutor::find(&db, &filter).await?;
                found.insert(filter, Arc::new(ids));
            }
            Ok(found)
        });
        let occupied = batch(db, clock, |db, now, ids: Vec<TutorId>| async move {
            let occupied = occupied::of_tutors(&db, &ids, (looking_back(now), None), now);
            occupied.await.map(shared)
        });
        let student_busy = batch(db, clock, |db, now, ids: Vec<UserId>| async move {
            let busy = occupied::of_students(&db, &ids, (looking_back(now), None), now);
            busy.await.map(shared)
        });
        let together = batch(db, clock, |db, now, ids: Vec<UserId>| async move {
            let together = booking::lessons_together(&db, &ids, together_since(now));
            together.await.map(shared)
        });
        Self {
            feed: Feed::new(db),
            sessions: Kept::new(|_, holder| size_of_holder(holder), sessions),
            app_keys: Kept::new(|_, key| size_of_app_key(key), app_keys),
            tutors: Kept::new(|_, tutor| size_of_tutor(tutor), tutors)
                .until(clock, |tutor| tutor.timetable.until),
            found: Kept::new(size_of_found, found),
            occupied: Kept::new(|_, it| size_of_val(it.time.as_slice()), occupied)
                .until(clock, |it| it.until),
            student_busy: Kept::new(|_, it| size_of_val(it.time.as_slice()), student_busy)
                .until(clock, |it| it.until),
            lessons_together: Kept::new(|_, it| it.len() * 40, together),
            db: db.clone(),
            clock: clock.clone(),
        }
    }

    /// Hears of everything that was committed before this call. So begins every request, when it is found out who
    /// asks; and whoever reads what the same request may have changed catches up again.
    pub async fn catch_up(&self) -> Result<(), DbErr> {
        self.feed.catch_up().await
    }

    /// The revisions by which the following know whether what they keep of these tutors and this student still
    /// holds.
    pub fn revisions(&self, tutors: &[TutorId], student: Option<UserId>) -> Revisions {
        self.feed.heard(tutors, student)
    }

    /// As [`Cache::revisions`], as a transaction sees them.
    pub async fn revisions_within(
        &self,
        txn: &DatabaseTransaction,
        tutor: TutorId,
        student: Option<UserId>,
    ) -> Result<Revisions, DbErr> {
        self.feed.within(txn, tutor, student).await
    }

    /// The holder of the session whose token has this hash, also when the session has expired.
    pub async fn holder(&self, token_hash: TokenHash) -> Result<Option<Arc<Holder>>, DbErr> {
        if let Some((revision, holder)) = self.sessions.entries.get(&token_hash) {
            let user_id = holder.user_id;
            if self.feed.heard(&[], Some(user_id)).of_user(user_id) == revision {
                return Ok(Some(holder));
            }
        }
        // It is known only afterwards whose revision counts.
        let before = self.feed.heard(&[], None);
        let mut found = self.sessions.missing.get(vec![token_hash]).await?;
        let found = found.pop().flatten();
        if let Some(holder) = &found {
            let entry = (before.of_user_at(holder.revision), Arc::clone(holder));
            self.sessions.entries.insert(token_hash, entry);
        }
        Ok(found)
    }

    /// Forgets a session, of which something has changed that is not worth everybody's while.
    pub fn forget_session(&self, token_hash: &TokenHash) {
        self.sessions.entries.invalidate(token_hash);
    }

    /// A key that is not revoked, of an app that is enabled; also when it has expired.
    pub async fn app_key(&self, id: AppKeyId) -> Result<Option<Arc<AppKey>>, DbErr> {
        let revision = self.feed.heard_of_app_key(id);
        let mut found = self.app_keys.get(&[id], |_| revision).await?;
        Ok(found.pop().flatten())
    }

    /// As [`Cache::forget_session`].
    pub fn forget_app_key(&self, id: &AppKeyId) {
        self.app_keys.entries.invalidate(id);
    }

    /// Those of these tutors that there are.
    pub async fn tutors(
        &self,
        revisions: &Revisions,
        ids: &[TutorId],
    ) -> Result<Vec<Arc<Tutor>>, DbErr> {
        self.tutors
            .get(ids, |id| revisions.of_tutor(*id))
            .await
            .map(|tutors| tutors.into_iter().flatten().collect())
    }

    /// A tutor, if there is one, as in one moment of a transaction.
    pub async fn tutor_within(
        &self,
        txn: &DatabaseTransaction,
        revisions: &Revisions,
        id: TutorId,
    ) -> Result<Option<Arc<Tutor>>, DbErr> {
        let mut revision = revisions.of_tutor(id);
        if let Some(tutor) = self.tutors.held(&id, revision) {
            return Ok(Some(tutor));
        }
        loop {
            let tutor = tutor::load(txn, &[id], self.clock.now()).await?.remove(&id);
            // Of an edit that was committed meanwhile, one half may be in what was read.
            let then = self.revisions_within(txn, id, None).await?.of_tutor(id);
            if then == revision {
                return Ok(tutor.map(Arc::new));
            }
            revision = then;
        }
    }

    /// The tutors that a filter lets through, by id.
    pub async fn found(&self, filter: Filter) -> Result<Arc<Vec<TutorId>>, DbErr> {
        let revisions = self.revisions(&[], None);
        self.found.one(filter, |_| revisions.of_directory()).await
    }

    /// What occupies these tutors and a student, at least all that there is in `needed`.
    pub async fn occupied(
        &self,
        revisions: &Revisions,
        tutors: &[TutorId],
        student: Option<UserId>,
        needed: Span,
    ) -> Result<OccupiedTime, DbErr> {
        if needed.start() < looking_back(self.clock.now()) {
            return occupied_in(&self.db, tutors, student, needed, self.clock.now()).await;
        }
        let of_tutors = self.occupied.get(tutors, |id| revisions.of_time(id.0));
        let of_student = async {
            let Some(student) = student else {
                return Ok(Arc::default());
            };
            let busy = self.student_busy.one(student, |id| revisions.of_time(id.0));
            busy.await
        };
        let (tutors, student) = tokio::try_join!(of_tutors, of_student)?;
        Ok(OccupiedTime {
            tutors: tutors.into_iter().map(Option::unwrap_or_default).collect(),
            student,
        })
    }

    /// What occupies a tutor, and a student where one is given, in a transaction that has locked their time.
    pub async fn occupied_within(
        &self,
        txn: &DatabaseTransaction,
        revisions: &Revisions,
        (tutor, student): (TutorId, Option<UserId>),
        needed: Span,
    ) -> Result<OccupiedTime, DbErr> {
        let of_tutor = self.occupied.held(&tutor, revisions.of_time(tutor.0));
        let of_student = match student {
            Some(id) => self.student_busy.held(&id, revisions.of_time(id.0)),
            None => Some(Arc::default()),
        };
        match (of_tutor, of_student) {
            (Some(of_tutor), Some(student)) if needed.start() >= looking_back(self.clock.now()) => {
                Ok(OccupiedTime {
                    tutors: vec![of_tutor],
                    student,
                })
            }
            _ => occupied_in(txn, &[tutor], student, needed, self.clock.now()).await,
        }
    }

    /// What occupies many students in `needed`, and with whom they have had lessons: two queries, of which nothing is
    /// kept.
    pub async fn of_students(
        &self,
        students: &[UserId],
        needed: Span,
    ) -> Result<OfStudents, DbErr> {
        let now = self.clock.now();
        let needed = (needed.start(), Some(needed.end()));
        let busy = occupied::of_students(&self.db, students, needed, now).await?;
        let since = together_since(now);
        Ok(OfStudents {
            busy,
            lessons_together: booking::lessons_together(&self.db, students, since).await?,
        })
    }

    /// With which tutors a student has had lessons for a year, and how many.
    pub async fn lessons_together(
        &self,
        revisions: &Revisions,
        student: UserId,
    ) -> Result<Arc<HashMap<TutorId, u32>>, DbErr> {
        self.lessons_together
            .one(student, |id| revisions.of_time(id.0))
            .await
    }
}

async fn occupied_in(
    db: &impl ConnectionTrait,
    tutors: &[TutorId],
    student: Option<UserId>,
    needed: Span,
    now: DateTime<Utc>,
) -> Result<OccupiedTime, DbErr> {
    let needed = (needed.start(), Some(needed.end()));
    let mut of_tutors = occupied::of_tutors(db, tutors, needed, now).await?;
    let student = student.as_slice();
    let of_students = occupied::of_students(db, student, needed, now).await?;
    let of_tutors = tutors
        .iter()
        .map(|id| of_tutors.remove(id).unwrap_or_default().into());
    Ok(OccupiedTime {
        tutors: of_tutors.collect(),
        student: of_students.into_values().next().unwrap_or_default().into(),
    })
}

fn together_since(now: DateTime<Utc>) -> DateTime<Utc> {
    now.checked_sub_signed(TOGETHER_SINCE).unwrap_or(now)
}

/// From where on what occupies people is kept.
fn looking_back(now: DateTime<Utc>) -> DateTime<Utc> {
    now.checked_sub_signed(LOOKING_BACK).unwrap_or(now)
}

/// Values with the revisions that they had before they were read.
struct Kept<K, V> {
    entries: moka::sync::Cache<K, (Revision, Arc<V>)>,
    missing: Batch<K, Arc<V>>,
    /// Of values that do not hold for ever, even if nothing changes: by which clock, and until when.
    until: Option<(Clock, Until<V>)>,
}

/// Until when a value holds, where that is not for ever.
type Until<V> = fn(&V) -> Option<DateTime<Utc>>;

impl<K, V> Kept<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// `bytes` says about how much a key and its value take.
    fn new(bytes: fn(&K, &V) -> usize, missing: Batch<K, Arc<V>>) -> Self {
        let weigh = move |key: &K, (_, value): &(Revision, Arc<V>)| {
            u32::try_from(ENTRY + bytes(key, value)).unwrap_or(u32::MAX)
        };
        let entries = moka::sync::Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(weigh)
            .time_to_idle(IDLE)
            .time_to_live(LIFETIME)
            .build();
        Self {
            entries,
            missing,
            until: None,
        }
    }

    /// Each value holds until then at most.
    fn until(self, clock: &Clock, until: Until<V>) -> Self {
        Self {
            until: Some((clock.clone(), until)),
            ..self
        }
    }

    /// What is in memory and has not changed since it had this revision.
    fn held(&self, key: &K, revision: Revision) -> Option<Arc<V>> {
        let (kept, value) = self.entries.get(key)?;
        let over = self
            .until
            .as_ref()
            .is_some_and(|(clock, until)| until(&value).is_some_and(|until| until <= clock.now()));
        (kept == revision && !over).then_some(value)
    }

    /// The values of these keys, from memory or else from the database.
    async fn get(
        &self,
        keys: &[K],
        revision: impl Fn(&K) -> Revision,
    ) -> Result<Vec<Option<Arc<V>>>, DbErr> {
        let held = keys.iter().map(|key| self.held(key, revision(key)));
        let mut values: Vec<_> = held.collect();
        let missing = iter::zip(keys, &values).filter(|(_, value)| value.is_none());
        let missing: Vec<K> = missing.map(|(key, _)| key.clone()).collect();
        if missing.is_empty() {
            return Ok(values);
        }
        let read = self.missing.get(missing).await?;
        let unknown = iter::zip(keys, &mut values).filter(|(_, value)| value.is_none());
        for ((key, value), read) in iter::zip(unknown, read) {
            if let Some(read) = &read {
                let entry = (revision(key), Arc::clone(read));
                self.entries.insert(key.clone(), entry);
            }
            *value = read;
        }
        Ok(values)
    }

    /// The value of a key that has one.
    async fn one(&self, key: K, revision: impl Fn(&K) -> Revision) -> Result<Arc<V>, DbErr>
    where
        V: Default,
    {
        let mut values = self.get(&[key], revision).await?;
        Ok(values.pop().flatten().unwrap_or_default())
    }
}

/// What an entry takes besides its value.
const ENTRY: usize = 200;

fn size_of_holder(holder: &Holder) -> usize {
    let students = size_of_val(holder.students.as_slice());
    size_of::<Holder>() + holder.name.len() + holder.email.len() + 100 + students
}

fn size_of_app_key(key: &AppKey) -> usize {
    let tutors = key.tutor_ids.as_deref().map_or(0, size_of_val);
    size_of::<AppKey>() + tutors + 40 * key.subjects.as_ref().map_or(0, Vec::len)
}

fn size_of_tutor(tutor: &Tutor) -> usize {
    let Tutor {
        profile,
        offers,
        timetable,
    } = tutor;
    let texts = profile.name.len() + profile.bio.len();
    texts
        + size_of::<Tutor>()
        + offers.len() * 150
        + timetable.weekly_rules.len() * size_of::<WeeklyRule>()
        + timetable
            .overrides
            .iter()
            .map(size_of_override)
            .sum::<usize>()
        + timetable.time_off.len() * size_of::<TimeOff>()
        + size_of_val(&*timetable.holidays)
}

fn size_of_override(on_date: &DateOverride) -> usize {
    size_of::<DateOverride>() + size_of_val(on_date.hours.as_slice())
}

fn size_of_found(filter: &Filter, ids: &Vec<TutorId>) -> usize {
    size_of_val(ids.as_slice())
        + size_of_val(filter.among.as_slice())
        + 40 * filter.subjects.as_ref().map_or(0, Vec::len)
        + 300
}

/// Makes a batch of a function of the database, the present and the keys.
fn batch<K, V, F>(
    db: &DatabaseConnection,
    clock: &Clock,
    read: impl Fn(DatabaseConnection, DateTime<Utc>, Vec<K>) -> F + Send + Sync + 'static,
) -> Batch<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    F: Future<Output = Result<HashMap<K, V>, DbErr>> + Send + 'static,
{
    let (db, clock) = (db.clone(), clock.clone());
    Batch::new(READERS, move |keys| read(db.clone(), clock.now(), keys))
}

fn shared<K: Eq + Hash, V>(found: HashMap<K, V>) -> HashMap<K, Arc<V>> {
    let shared = found.into_iter().map(|(key, value)| (key, Arc::new(value)));
    shared.collect()
}
