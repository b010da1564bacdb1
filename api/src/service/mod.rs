//! The use cases: a transaction, the rules of `scheduling`, the store, the queue. No HTTP here.

pub mod absence;
pub mod app_key;
pub mod audit_entry;
pub mod bookable_event;
pub mod bookable_tag;
pub mod booking;
pub mod busy_time;
pub mod calendar;
pub mod calendar_channel;
pub mod calendar_connection;
pub mod caller;
pub mod cancellation;
pub mod credit;
pub mod date_override;
pub mod drift;
pub mod erasure;
pub mod export;
pub mod group_lesson;
pub mod guardianship;
pub mod health;
pub mod history;
pub mod hold;
pub mod holiday_calendar;
mod holiday_import;
pub mod idempotency;
pub mod identity;
pub mod invitation;
pub mod lesson_event;
pub mod matching;
pub mod policy;
mod proposal;
pub mod queue;
pub mod quota;
pub mod reassignment;
pub mod reconciliation;
pub mod reschedule;
pub mod role;
pub mod series;
pub mod session;
pub mod sign_in;
pub mod slot;
pub mod slot_search;
pub mod step;
pub mod subject;
pub mod third_party_app;
pub mod time_off;
mod transaction;
pub mod tutor;
pub mod user;
pub mod waitlist;
pub mod weekly_rule;

pub use ::entity::id::{
    AbsenceId, BookingId, CalendarId, ChannelId, DriftId, GrantId, HolidayCalendarId, IdentityId,
    LessonId, SeriesId, SubjectId, TimeOffId, TutorId, UserId,
};
