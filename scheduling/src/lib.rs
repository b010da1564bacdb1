//! The rules of scheduling, as pure functions: no input or output, no waiting, no clock.
//!
//! Whoever calls brings the rows and the present moment; this crate decides.
//!
//! * [`interval`]: half-open spans of UTC time and their algebra.
//! * [`availability`]: when a tutor is there, on the wall clock of the tutor's zone.
//! * [`policy`]: notice, horizon, start grid, buffers and caps.
//! * [`slots`]: what can be booked, why something can't, and what else could.
//! * [`recurrence`]: lessons that repeat.
//! * [`matching`]: which of many wishes are filled, by whom and when.
//! * [`lifecycle`]: which status a booking may move to, and on whose word.
//! * [`quota`]: how much a student may book.
//! * [`cancellation`]: what giving a place back means for the student.
//! * [`waitlist`]: who of those who wait is offered room.
//! * [`drift`]: what becomes of a lesson whose event in a calendar says something else.
//!
//! Everything is *closed by default*: what no rule opens is not bookable, and a value that makes
//! no sense (a negative length, an empty grid) opens nothing.

pub mod availability;
pub mod cancellation;
mod caps;
pub mod drift;
mod hours;
pub mod interval;
pub mod lifecycle;
mod local_clock;
pub mod matching;
mod occupancy;
pub mod policy;
pub mod quota;
pub mod ranking;
pub mod recurrence;
mod refusal;
mod search;
mod seconds;
pub mod slots;
pub mod waitlist;

pub use chrono_tz::Tz;
