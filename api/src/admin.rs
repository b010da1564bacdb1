//! What an operator does from the command line.

use crate::{
    clock::Clock,
    config,
    origin::{self, Actor, Origin},
    service::role::{self, Meant},
};
use anyhow::bail;
use chrono::Utc;
use clap::Subcommand;
use sea_orm::DatabaseConnection;

/// What is done about admins.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Make somebody an admin who has signed in before.
    Grant {
        /// The address with which they signed in, or the id of the user.
        person: String,
    },
    /// Let somebody be an admin no longer, even the last one.
    Revoke {
        /// The address with which they signed in, or the id of the user.
        person: String,
    },
    /// Print who is an admin.
    List,
}

/// Does it, and prints what came of it.
pub async fn run(db: &DatabaseConnection, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Grant { person } => set(db, person, true).await,
        Command::Revoke { person } => set(db, person, false).await,
        Command::List => {
            for account in role::admins(db).await? {
                let state = account.suspended_at.map_or("", |_| ", suspended");
                println!(
                    "{} <{}> ({}){state}",
                    account.name, account.email, account.id
                );
            }
            Ok(())
        }
    }
}

async fn set(db: &DatabaseConnection, person: &str, is_admin: bool) -> anyhow::Result<()> {
    let (operation, outcome) = if is_admin {
        ("admin_grant", "is an admin")
    } else {
        ("admin_revoke", "is no admin")
    };
    let by = Origin::new(
        Actor::Operator,
        Some(operation.into()),
        config::AUDIT_DAYS,
        Clock::System,
    );
    match origin::scope(by, role::set_admin(db, person, is_admin, Utc::now())).await? {
        Meant::One(account) => {
            let (name, email, id) = (account.name, account.email, account.id);
            println!("{name} <{email}> ({id}) {outcome}");
            Ok(())
        }
        Meant::Nobody => bail!(
            "nobody has signed in as {person}, at a provider that vouches for the address: whoever is meant signs in first; or name the user by id"
        ),
        Meant::Several(ids) => {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            bail!(
                "several users sign in as {person}; name one: {}",
                ids.join(", ")
            )
        }
    }
}
