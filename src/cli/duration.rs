//! Lengths of time on the command line.

use std::time::Duration;

/// `10` (seconds), `500ms`, `1m 30s`, `2days`.
///
/// # Errors
/// It is none.
pub(super) fn parse(text: &str) -> Result<Duration, humantime::DurationError> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_need_no_unit() {
        assert_eq!(parse("10"), Ok(Duration::from_secs(10)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("1m"), Ok(Duration::from_secs(60)));
        assert!(parse("soon").is_err());
        assert!(parse("-1").is_err());
    }
}
