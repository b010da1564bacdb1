//! What an attacker tries who knows the document, and has an account or a stolen token.
//!
//! Attacks on signing in are in `sign_in_attacks`, on bodies and queries in `malformed`, from pages of other sites in
//! `cors`.

mod addresses;
mod borrowed_addresses;
mod connections;
mod credentials;
mod fields;
mod ids;
mod refresh_storm;
mod timing;
