//! What an operator does from the command line.

use crate::{
    clock::Clock,
    config,
    origin::{self, Actor, Origin},
    service::role::{Granted, grant_admin},
};
use anyhow::bail;
use chrono::Utc;
use sea_orm::DatabaseConnection;

/// Makes somebody an admin, by the address with which they signed in or the id of the user.
pub async fn grant(db: &DatabaseConnection, person: &str) -> anyhow::Result<()> {
    let by = Origin::new(
        Actor::Operator,
        Some("admin_grant".into()),
        config::AUDIT_DAYS,
        Clock::System,
    );
    match origin::scope(by, grant_admin(db, person, Utc::now())).await? {
        Granted::To(account) => {
            let (name, email, id) = (account.name, account.email, account.id);
            println!("{name} <{email}> ({id}) is an admin");
            Ok(())
        }
        Granted::ToNobody => bail!(
            "nobody has signed in as {person}, at a provider that vouches for the address: sign in first, then grant; or name the user by id"
        ),
        Granted::Several(ids) => {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            bail!(
                "several users sign in as {person}; name one: {}",
                ids.join(", ")
            )
        }
    }
}
