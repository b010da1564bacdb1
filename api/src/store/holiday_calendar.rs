//! Holiday calendars, their holidays, and which tutors follow them.

use ::entity::{
    holiday, holiday_calendar,
    id::{HolidayCalendarId, TutorId},
    tutor_holiday_calendar,
};
use chrono::{DateTime, NaiveDate, Utc};
use scheduling::availability::DateRange;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, raw_sql,
};
use uuid::Uuid;

pub use ::entity::holiday_calendar::Model as HolidayCalendar;

/// The first and the last day, and what they are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holiday {
    pub dates: DateRange,
    pub name: String,
}

/// Calendars in the order in which they were made.
pub async fn list(
    db: &impl ConnectionTrait,
    after: Option<HolidayCalendarId>,
    limit: u64,
) -> Result<Vec<HolidayCalendar>, DbErr> {
    let mut query = holiday_calendar::Entity::find()
        .order_by_asc(holiday_calendar::COLUMN.id)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(holiday_calendar::Column::Id.gt(after));
    }
    query.all(db).await
}

pub async fn get(
    db: &impl ConnectionTrait,
    id: HolidayCalendarId,
) -> Result<Option<HolidayCalendar>, DbErr> {
    holiday_calendar::Entity::find_by_id(id).one(db).await
}

pub async fn count(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    holiday_calendar::Entity::find().count(db).await
}

/// # Errors
/// `holiday_calendars_name_key` is for the caller to translate.
pub async fn insert(
    txn: &impl ConnectionTrait,
    name: &str,
    centre_wide: bool,
    now: DateTime<Utc>,
) -> Result<HolidayCalendar, DbErr> {
    let row = HolidayCalendar {
        id: HolidayCalendarId::generate(),
        name: name.to_owned(),
        centre_wide,
        version: 1,
        created_at: now,
    };
    holiday_calendar::Entity::insert(holiday_calendar::ActiveModel::from(row.clone()).reset_all())
        .exec_without_returning(txn)
        .await?;
    Ok(row)
}

/// What is changed of a calendar; what is None stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub centre_wide: Option<bool>,
}

/// Edits the calendar if it is still at `version`; whether it was. With no changes it moves the version on.
///
/// # Errors
/// `holiday_calendars_name_key` is for the caller to translate.
pub async fn update(
    txn: &impl ConnectionTrait,
    id: HolidayCalendarId,
    version: i32,
    changes: Changes,
) -> Result<bool, DbErr> {
    let mut row = holiday_calendar::ActiveModel {
        version: Set(version + 1),
        ..Default::default()
    };
    if let Some(name) = changes.name {
        row.name = Set(name);
    }
    if let Some(centre_wide) = changes.centre_wide {
        row.centre_wide = Set(centre_wide);
    }
    let updated = holiday_calendar::Entity::update_many()
        .set(row)
        .filter(holiday_calendar::COLUMN.id.eq(id))
        .filter(holiday_calendar::COLUMN.version.eq(version))
        .exec(txn)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Deletes the calendar if it is still at `version`; whether it was. Tutors who follow it have changed, too.
pub async fn delete(
    txn: &DatabaseTransaction,
    id: HolidayCalendarId,
    version: i32,
) -> Result<bool, DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE tutors SET version = version + 1
           WHERE id IN (SELECT tutor_id FROM tutor_holiday_calendars WHERE calendar_id = {id})"#
    ))
    .await?;
    let deleted = holiday_calendar::Entity::delete_by_id(id)
        .filter(holiday_calendar::COLUMN.version.eq(version))
        .exec(txn)
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// Holidays of a calendar, by date.
pub async fn holidays(
    db: &impl ConnectionTrait,
    id: HolidayCalendarId,
    from: Option<NaiveDate>,
) -> Result<Vec<Holiday>, DbErr> {
    let mut query = holiday::Entity::find()
        .filter(holiday::COLUMN.calendar_id.eq(id))
        .order_by_asc(holiday::COLUMN.first_date)
        .order_by_asc(holiday::COLUMN.name);
    if let Some(from) = from {
        query = query.filter(holiday::COLUMN.last_date.gte(from));
    }
    let rows = query.all(db).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(Holiday {
                dates: DateRange::new(row.first_date, row.last_date)?,
                name: row.name,
            })
        })
        .collect())
}

/// Replaces all holidays of a calendar. No two may have both the same first day and the same name.
pub async fn replace_holidays(
    txn: &impl ConnectionTrait,
    id: HolidayCalendarId,
    holidays: &[Holiday],
) -> Result<(), DbErr> {
    holiday::Entity::delete_many()
        .filter(holiday::COLUMN.calendar_id.eq(id))
        .exec(txn)
        .await?;
    if holidays.is_empty() {
        return Ok(());
    }
    let rows = holidays.iter().map(|holiday| holiday::ActiveModel {
        calendar_id: Set(id),
        first_date: Set(holiday.dates.first),
        last_date: Set(holiday.dates.last),
        name: Set(holiday.name.clone()),
    });
    holiday::Entity::insert_many(rows)
        .exec_without_returning(txn)
        .await
        .map(|_| ())
}

/// The calendars that a tutor follows beside those of the whole centre.
pub async fn of_tutor(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
) -> Result<Vec<HolidayCalendarId>, DbErr> {
    let rows = tutor_holiday_calendar::Entity::find()
        .filter(tutor_holiday_calendar::COLUMN.tutor_id.eq(tutor_id))
        .order_by_asc(tutor_holiday_calendar::COLUMN.calendar_id)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| row.calendar_id).collect())
}

/// Replaces which calendars a tutor follows.
///
/// # Errors
/// `tutor_holiday_calendars_calendar_fkey` is for the caller to translate.
pub async fn replace_of_tutor(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    calendars: &[HolidayCalendarId],
) -> Result<(), DbErr> {
    tutor_holiday_calendar::Entity::delete_many()
        .filter(tutor_holiday_calendar::COLUMN.tutor_id.eq(tutor_id))
        .exec(txn)
        .await?;
    if calendars.is_empty() {
        return Ok(());
    }
    let rows = calendars
        .iter()
        .map(|calendar_id| tutor_holiday_calendar::ActiveModel {
            tutor_id: Set(tutor_id),
            calendar_id: Set(*calendar_id),
        });
    tutor_holiday_calendar::Entity::insert_many(rows)
        .exec_without_returning(txn)
        .await
        .map(|_| ())
}

/// Holidays of all these tutors that end on `from` or later; of the whole centre with None.
pub async fn of_tutors(
    db: &impl ConnectionTrait,
    tutors: &[TutorId],
    from: NaiveDate,
) -> Result<Vec<(Option<TutorId>, DateRange)>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        tutor_id: Option<TutorId>,
        first_date: NaiveDate,
        last_date: NaiveDate,
    }
    let tutors: Vec<Uuid> = tutors.iter().map(|id| id.0).collect();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT NULL::uuid AS tutor_id, first_date, last_date
           FROM holidays JOIN holiday_calendars ON holiday_calendars.id = calendar_id
           WHERE centre_wide AND last_date >= {from}
           UNION ALL
           SELECT tutor_id, first_date, last_date
           FROM tutor_holiday_calendars JOIN holidays USING (calendar_id)
           WHERE tutor_id = ANY({tutors}) AND last_date >= {from}"#
    ))
    .all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((row.tutor_id, DateRange::new(row.first_date, row.last_date)?)))
        .collect())
}
