//! What an operator does from the command line.

use crate::{
    error::{Conflict, Error},
    service::role,
};
use anyhow::anyhow;
use chrono::Utc;
use sea_orm::DatabaseConnection;

/// Makes somebody an admin, by the address with which they signed in or the id of the user.
pub async fn grant(db: &DatabaseConnection, person: &str) -> anyhow::Result<()> {
    match role::grant_admin(db, person, Utc::now()).await {
        Ok(account) => {
            println!(
                "{} <{}> ({}) is an admin",
                account.name, account.email, account.id
            );
            Ok(())
        }
        Err(Error::NotFound { .. }) => Err(anyhow!(
            "nobody has signed in as {person} yet: sign in first, then grant"
        )),
        Err(Error::Conflict(conflict)) => {
            let Conflict { detail, .. } = *conflict;
            Err(anyhow!(detail))
        }
        Err(error) => Err(error.into()),
    }
}
