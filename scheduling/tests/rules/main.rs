//! The rules as a whole, from outside: by example with dates from the tz database, and against
//! an oracle that walks minute by minute.

mod alternatives;
mod clock_changes;
mod interval;
mod lifecycle;
mod oracle;
mod random_cases;
mod slots;
mod support;
mod weekly_rules;
