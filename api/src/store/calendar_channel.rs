//! Channels by which Google tells that something in a calendar has changed.

use ::entity::{
    calendar_channel,
    id::{CalendarId, ChannelId, TutorId, UserId},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, QueryOrder, raw_sql,
};

pub use calendar_channel::Model as Channel;

/// SHA-256 of a channel's token.
pub type TokenHash = [u8; 32];

/// The channels of a user's calendars, the oldest first.
pub async fn of_user(db: &impl ConnectionTrait, user_id: UserId) -> Result<Vec<Channel>, DbErr> {
    calendar_channel::Entity::find()
        .filter(calendar_channel::COLUMN.user_id.eq(user_id))
        .order_by_asc(calendar_channel::COLUMN.created_at)
        .order_by_asc(calendar_channel::COLUMN.id)
        .all(db)
        .await
}

/// A channel that Google is about to be asked for.
pub struct NewChannel<'a> {
    pub id: ChannelId,
    pub calendar_id: CalendarId,
    pub address: &'a str,
    pub token_hash: TokenHash,
    /// Before this nobody asks for another one, whatever becomes of it.
    pub renew_at: DateTime<Utc>,
}

/// Notes that Google is about to be asked for a channel, unless somebody has just asked for one, or the calendar is not
/// to be watched any more; whether so. Takes the place of one that was asked for and that Google has not said to be open.
pub async fn begin(
    db: &impl ConnectionTrait,
    new: NewChannel<'_>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let NewChannel {
        id,
        calendar_id,
        address,
        token_hash,
        renew_at,
    } = new;
    let token_hash = token_hash.to_vec();
    let begun = db
        .execute_raw(raw_sql!(
            Postgres,
            r#"INSERT INTO calendar_channels (id, user_id, calendar_id, address, token_hash, renew_at, created_at)
               SELECT {id}, user_id, id, {address}, {token_hash}, {renew_at}, {now} FROM calendars
               WHERE id = {calendar_id} AND blocks AND access_role = 'owner'
                 AND NOT EXISTS (
                     SELECT 1 FROM calendar_channels AS other
                     WHERE other.calendar_id = calendars.id AND other.address = {address} AND other.renew_at > {now})
               ON CONFLICT (calendar_id) WHERE expires_at IS NULL DO UPDATE
               SET id = excluded.id, address = excluded.address, token_hash = excluded.token_hash, resource_id = NULL,
                   heard_at = NULL, renew_at = excluded.renew_at, created_at = excluded.created_at
               WHERE calendar_channels.renew_at <= {now} OR calendar_channels.address <> excluded.address"#
        ))
        .await?;
    Ok(begun.rows_affected() == 1)
}

/// Notes that a channel is open, if it is still known.
pub async fn note_open(
    db: &impl ConnectionTrait,
    id: ChannelId,
    resource_id: &str,
    expires_at: DateTime<Utc>,
    renew_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    calendar_channel::Entity::update_many()
        .set(calendar_channel::ActiveModel {
            resource_id: Set(Some(resource_id.to_owned())),
            expires_at: Set(Some(expires_at)),
            renew_at: Set(renew_at),
            ..Default::default()
        })
        .filter(calendar_channel::COLUMN.id.eq(id))
        .exec(db)
        .await
        .map(|_| ())
}

/// Lets nobody ask for another channel of the same calendar before `renew_at`.
pub async fn postpone(
    db: &impl ConnectionTrait,
    id: ChannelId,
    renew_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    calendar_channel::Entity::update_many()
        .set(calendar_channel::ActiveModel {
            renew_at: Set(renew_at),
            ..Default::default()
        })
        .filter(calendar_channel::COLUMN.id.eq(id))
        .exec(db)
        .await
        .map(|_| ())
}

pub async fn delete(db: &impl ConnectionTrait, id: ChannelId) -> Result<(), DbErr> {
    calendar_channel::Entity::delete_by_id(id)
        .exec(db)
        .await
        .map(|_| ())
}

/// Forgets all channels of a user, and returns what they were.
pub async fn take_of_user(
    db: &impl ConnectionTrait,
    user_id: UserId,
) -> Result<Vec<Channel>, DbErr> {
    calendar_channel::Entity::delete_many()
        .filter(calendar_channel::COLUMN.user_id.eq(user_id))
        .exec_with_returning(db)
        .await
}

/// Whom a message by a channel is for.
#[derive(FromQueryResult)]
pub struct Addressee {
    pub token_hash: Vec<u8>,
    pub resource_id: Option<String>,
    /// Whether a message has come before.
    pub is_heard: bool,
    pub tutor_id: TutorId,
}

pub async fn addressee(
    db: &impl ConnectionTrait,
    id: ChannelId,
) -> Result<Option<Addressee>, DbErr> {
    Addressee::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT token_hash, resource_id, heard_at IS NOT NULL AS is_heard, tutors.id AS tutor_id
           FROM calendar_channels JOIN tutors USING (user_id) WHERE calendar_channels.id = {id}"#
    ))
    .one(db)
    .await
}

/// Notes that a message has come by a channel, and what it watches, where that is not known.
pub async fn note_heard(
    db: &impl ConnectionTrait,
    id: ChannelId,
    resource_id: Option<String>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE calendar_channels
           SET heard_at = coalesce(heard_at, {now}), resource_id = coalesce(resource_id, {resource_id}) WHERE id = {id}"#
    ))
    .await
    .map(|_| ())
}

/// Relies on no channel of a user before a message has come by it anew, and lets others be asked for at once.
pub async fn doubt(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE calendar_channels SET heard_at = NULL, renew_at = {now} WHERE user_id = {user_id}"#
    ))
    .await
    .map(|_| ())
}
