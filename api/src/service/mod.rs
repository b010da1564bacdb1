//! The use cases: a transaction, the rules of `scheduling`, the store, the queue. No HTTP here.

pub mod booking;
pub mod busy_time;
pub mod calendar_connection;
pub mod health;
pub mod idempotency;
pub mod lesson_event;
pub mod queue;
pub mod session;
pub mod sign_in;
pub mod slot;
pub mod subject;
mod transaction;
pub mod tutor;
pub mod user;

pub use ::entity::id::{BookingId, LessonId, TutorId, UserId};
