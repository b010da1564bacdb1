//! The rules of scheduling, as pure functions: no input or output, no waiting, no clock.
//!
//! Whoever calls brings the rows and the present moment; this crate decides.
//!
//! * [`interval`]: half-open spans of UTC time and their algebra.
//! * [`availability`]: weekly rules in a tutor's zone, and the UTC spans they amount to.
//! * [`policy`]: notice, horizon and start grid.
//! * [`slots`]: what can be booked, why something can't, and what else could.
//! * [`lifecycle`]: which status a booking may move to, and on whose word.
//!
//! Everything is *closed by default*: what no rule opens is not bookable, and a value that makes
//! no sense (a negative length, an empty grid) opens nothing.

pub mod availability;
mod board;
pub mod interval;
pub mod lifecycle;
mod local_clock;
pub mod policy;
pub mod slots;

pub use chrono_tz::Tz;
