//! A local stand-in for Google's sign-in (OAuth 2.0 and OIDC) and Calendar v3.
//!
//! It speaks Google's protocol on a loopback address, so that the product can be developed and
//! tested without Google: only the issuer and the base URL of the Calendar API differ. It is a
//! library for tests and in-process use, and a small server of its own.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use google_sandbox::{Account, Client, Config, Sandbox};
//!
//! let sandbox = Sandbox::start(Config {
//!     bind: ([127, 0, 0, 1], 0).into(),
//!     accounts: vec![Account {
//!         email: "tutor@example.com".into(),
//!         name: "Tara Tutor".into(),
//!         time_zone: chrono_tz::Europe::Berlin,
//!     }],
//!     clients: vec![Client {
//!         id: "demo.apps.googleusercontent.com".into(),
//!         secret: "GOCSPX-demo".into(),
//!         redirect_uris: vec!["http://127.0.0.1:8080/auth/callback".into()],
//!     }],
//!     state_file: None,
//! })
//! .await?;
//! println!("sign-in at {}, calendar at {}", sandbox.issuer(), sandbox.calendar_url());
//! # Ok(()) }
//! ```

mod calendar;
mod control;
mod html;
mod keys;
mod oauth;
mod pages;
mod persist;
mod sandbox;
mod server;
mod shared;
mod state;
mod types;

pub use sandbox::Sandbox;
pub use types::{
    Account, Client, Config, Consent, Effect, Failure, Meets, PushMessage, RequestLog, Target,
    subject,
};
