//! Users as the staff of the centre sees them.

use ::entity::{
    id::{TutorId, UserId},
    user,
    user_role::{self, Role},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, QueryOrder, QuerySelect, raw_sql,
};

/// A user.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Account {
    pub id: UserId,
    pub name: String,
    pub email: String,
    pub time_zone: String,
    pub roles: Vec<String>,
    pub tutor_id: Option<TutorId>,
    pub suspended_at: Option<DateTime<Utc>>,
    pub suspension_reason: Option<String>,
    /// Since when nothing of the person is left but that somebody was there.
    pub erased_at: Option<DateTime<Utc>>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
}

/// Which users are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub id: Option<UserId>,
    /// A part of the name or the address, whatever its case.
    pub text: Option<String>,
    pub role: Option<Role>,
    pub suspended: Option<bool>,
    /// Users made before this one.
    pub before: Option<UserId>,
    pub limit: i64,
}

/// Users, the newest first.
pub async fn list(db: &impl ConnectionTrait, filter: Filter) -> Result<Vec<Account>, DbErr> {
    let Filter {
        id,
        text,
        role,
        suspended,
        before,
        limit,
    } = filter;
    let pattern = text.map(|text| format!("%{}%", escaped(&text)));
    let role = role.map(|role| sea_orm::ActiveEnum::to_value(&role));
    Account::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT users.id, name, email, users.time_zone, suspended_at, suspension_reason, erased_at, users.version, users.created_at,
                  ARRAY(SELECT role FROM user_roles WHERE user_id = users.id ORDER BY role) AS roles, tutors.id AS tutor_id
           FROM users LEFT JOIN tutors ON tutors.user_id = users.id
           WHERE ({id}::uuid IS NULL OR users.id = {id})
             AND ({before}::uuid IS NULL OR users.id < {before})
             AND ({pattern}::text IS NULL OR (name || ' ' || email) ILIKE {pattern})
             AND ({role}::text IS NULL OR EXISTS (SELECT FROM user_roles WHERE user_id = users.id AND role = {role}))
             AND ({suspended}::boolean IS NULL OR (suspended_at IS NOT NULL) = {suspended})
           ORDER BY users.id DESC LIMIT {limit}"#
    ))
    .all(db)
    .await
}

/// A text that stands for itself in a pattern of `LIKE`.
fn escaped(text: &str) -> String {
    let special = |c| matches!(c, '%' | '_' | '\\');
    text.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

pub async fn find(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Account>, DbErr> {
    let filter = Filter {
        id: Some(id),
        limit: 1,
        ..Filter::default()
    };
    Ok(list(db, filter).await?.pop())
}

/// The admins who are not suspended, none of whom changes until the end of the transaction.
pub async fn lock_admins(txn: &impl ConnectionTrait) -> Result<Vec<UserId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        user_id: UserId,
    }
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT user_id FROM user_roles JOIN users ON users.id = user_id
           WHERE role = 'admin' AND suspended_at IS NULL ORDER BY user_id FOR UPDATE"#
    ))
    .all(txn)
    .await?;
    Ok(rows.into_iter().map(|row| row.user_id).collect())
}

/// Moves the user on to the next version, whichever it is at: something that belongs to the user has changed.
pub async fn touch(
    txn: &impl ConnectionTrait,
    id: UserId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let edited = edit(txn, id, None, user::ActiveModel::default(), now);
    edited.await.map(|_| ())
}

/// Lets nobody else count or change what belongs to these users until the end of the transaction.
pub async fn lock(txn: &impl ConnectionTrait, ids: &[UserId]) -> Result<(), DbErr> {
    user::Entity::find()
        .filter(user::COLUMN.id.is_in(ids.iter().copied()))
        .order_by_asc(user::Column::Id)
        .lock_exclusive()
        .all(txn)
        .await
        .map(|_| ())
}

/// Moves the user on to the next version, if it is still at this one; whether it was.
pub async fn move_on(
    txn: &impl ConnectionTrait,
    id: UserId,
    version: i32,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    edit(txn, id, Some(version), user::ActiveModel::default(), now).await
}

/// Suspends or reinstates a user, whichever version it is at; whether there is such a user.
pub async fn set_suspended(
    txn: &impl ConnectionTrait,
    id: UserId,
    suspended: Option<(DateTime<Utc>, Option<&str>)>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let row = user::ActiveModel {
        suspended_at: Set(suspended.map(|(at, _)| at)),
        suspension_reason: Set(suspended.and_then(|(_, reason)| reason.map(str::to_owned))),
        ..Default::default()
    };
    edit(txn, id, None, row, now).await
}

async fn edit(
    txn: &impl ConnectionTrait,
    id: UserId,
    version: Option<i32>,
    row: user::ActiveModel,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let locked = user::Entity::find_by_id(id)
        .lock_exclusive()
        .one(txn)
        .await?;
    let Some(user) = locked.filter(|user| version.is_none_or(|version| user.version == version))
    else {
        return Ok(false);
    };
    let row = user::ActiveModel {
        version: Set(user.version + 1),
        updated_at: Set(now),
        ..row
    };
    let edited = user::Entity::update_many()
        .set(row)
        .filter(user::COLUMN.id.eq(id))
        .exec(txn)
        .await?;
    Ok(edited.rows_affected == 1)
}

/// The roles of a user.
pub async fn roles(txn: &impl ConnectionTrait, id: UserId) -> Result<Vec<Role>, DbErr> {
    let rows = user_role::Entity::find()
        .filter(user_role::COLUMN.user_id.eq(id))
        .order_by_asc(user_role::Column::Role)
        .all(txn)
        .await?;
    Ok(rows.into_iter().map(|row| row.role).collect())
}

/// Takes a role from a user.
pub async fn take_role(txn: &impl ConnectionTrait, id: UserId, role: Role) -> Result<(), DbErr> {
    user_role::Entity::delete_many()
        .filter(user_role::COLUMN.user_id.eq(id))
        .filter(user_role::COLUMN.role.eq(role))
        .exec(txn)
        .await
        .map(|_| ())
}

/// A verified address of a person.
#[derive(Debug, FromQueryResult)]
pub struct Address {
    /// In lower case.
    pub email: String,
    /// Whether the provider vouches that it is the person's today.
    pub authoritative: bool,
}

/// The address by which a person has signed in last. Others may be somebody else's by now.
pub async fn address(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Address>, DbErr> {
    Address::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT lower(email) AS email, email_authoritative AS authoritative FROM identities WHERE user_id = {id} AND confirmed_at IS NOT NULL
           ORDER BY coalesce(last_sign_in_at, created_at) DESC LIMIT 1"#
    ))
    .one(db)
    .await
}

/// Those who sign in with this address, which is in lower case; at a provider that vouches for it, or at any.
pub async fn with_address(
    db: &impl ConnectionTrait,
    email: &str,
    vouched: bool,
) -> Result<Vec<UserId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        user_id: UserId,
    }
    let email = email.to_owned();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT DISTINCT user_id FROM identities WHERE lower(email) = {email} AND (email_authoritative OR NOT {vouched}) AND confirmed_at IS NOT NULL
           ORDER BY user_id LIMIT 100"#
    ))
    .all(db)
    .await?;
    Ok(rows.into_iter().map(|row| row.user_id).collect())
}
