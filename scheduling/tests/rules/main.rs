//! The rules as a whole, from outside: by example with dates from the tz database, and against
//! an oracle that walks minute by minute.

mod alternatives;
mod cancellation;
mod clock_changes;
mod closed_days;
mod drift;
mod exhaustive;
mod interval;
mod lifecycle;
mod oracle;
mod overrides;
mod quota;
mod random_cases;
mod recurrence;
mod refusals;
mod slots;
mod some;
mod support;
mod waitlist;
mod weekly_rules;
