//! A moment as text, where there is no browser to write it.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Timestamp;

/// RFC 3339 in UTC, to the millisecond: `2026-11-23T22:35:07.125Z`. Empty for a year of more than
/// four digits.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    utc(at)
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// For people, in UTC, to the minute: `2026-11-23 22:35Z`.
#[must_use]
pub fn to_the_minute(at: Timestamp) -> String {
    utc(at)
        .map(|at| format!("{} {:02}:{:02}Z", at.date(), at.hour(), at.minute()))
        .unwrap_or_default()
}

fn utc(at: Timestamp) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_the_same_everywhere() {
        let at = Timestamp(1_795_473_307_125);
        assert_eq!(rfc3339(at), "2026-11-23T22:35:07.125Z");
        assert_eq!(to_the_minute(at), "2026-11-23 22:35Z");
        assert_eq!(rfc3339(Timestamp(i64::MAX)), "");
    }
}
