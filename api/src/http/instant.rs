//! Instants on the wire, written without the detour through a format description: an answer with slots holds
//! thousands of them.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, Offset, TimeZone, Timelike};
use serde::{Serialize, Serializer};

/// For a field: `#[serde(serialize_with = "instant::write")]`. RFC 3339, as chrono writes it.
pub fn write<Z: TimeZone, S: Serializer>(
    instant: &DateTime<Z>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let offset = instant.offset().fix();
    let mut buffer = [0; LENGTH];
    match text(instant.naive_local(), offset, &mut buffer) {
        Some(text) => serializer.serialize_str(text),
        None => instant.fixed_offset().serialize(serializer),
    }
}

/// `2026-11-23T16:00:00+01:00`
const LENGTH: usize = 25;

/// None for what is not whole seconds, not in a year of four digits, or not a whole number of minutes from UTC.
fn text(local: NaiveDateTime, offset: FixedOffset, buffer: &mut [u8; LENGTH]) -> Option<&str> {
    let year = u32::try_from(local.year())
        .ok()
        .filter(|year| *year < 10_000)?;
    let offset = offset.local_minus_utc();
    if local.nanosecond() != 0 || offset % 60 != 0 {
        return None;
    }
    *buffer = *b"0000-00-00T00:00:00+00:00";
    two_digits(buffer, 0, year / 100);
    two_digits(buffer, 2, year % 100);
    two_digits(buffer, 5, local.month());
    two_digits(buffer, 8, local.day());
    two_digits(buffer, 11, local.hour());
    two_digits(buffer, 14, local.minute());
    two_digits(buffer, 17, local.second());
    if offset == 0 {
        buffer[19] = b'Z';
        return str::from_utf8(&buffer[..20]).ok();
    }
    let minutes = offset.unsigned_abs() / 60;
    buffer[19] = if offset < 0 { b'-' } else { b'+' };
    two_digits(buffer, 20, minutes / 60);
    two_digits(buffer, 23, minutes % 60);
    str::from_utf8(buffer).ok()
}

/// Of a number below 100.
fn two_digits(buffer: &mut [u8; LENGTH], at: usize, number: u32) {
    let [.., number] = number.to_be_bytes();
    buffer[at] = b'0' + number / 10;
    buffer[at + 1] = b'0' + number % 10;
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;
    use proptest::prelude::*;

    fn written<Z: TimeZone>(instant: &DateTime<Z>) -> String {
        let mut json = Vec::new();
        write(instant, &mut serde_json::Serializer::new(&mut json)).expect("JSON");
        String::from_utf8(json).expect("UTF-8")
    }

    proptest! {
        #[test]
        fn instants_are_written_as_chrono_writes_them(
            seconds in -100_000_000_000_i64..400_000_000_000,
            nanoseconds in prop_oneof![4 => Just(0_u32), 1 => 0..1_000_000_000_u32],
            offset in prop_oneof![4 => (-1439..1440_i32).prop_map(|minutes| minutes * 60), 1 => -86_399..86_400],
        ) {
            let utc = DateTime::<Utc>::from_timestamp(seconds, nanoseconds).expect("an instant");
            let local = utc.with_timezone(&FixedOffset::east_opt(offset).expect("an offset"));
            prop_assert_eq!(written(&utc), serde_json::to_string(&utc).expect("JSON"));
            prop_assert_eq!(written(&local), serde_json::to_string(&local).expect("JSON"));
        }
    }
}
