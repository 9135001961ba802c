//! When a task is due: a moment, or the end of a day.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// When a task is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The moment; for a whole day its last microsecond.
    pub at: Timestamp,
    /// Whether a day was meant, not a moment.
    pub all_day: bool,
}

/// Reads a date-time (RFC 3339), or a date, which means the end of that day in
/// the time zone `zone` (an IANA name; UTC if it is not known).
#[must_use]
pub fn parse(text: &str, zone: &str) -> Option<Due> {
    if let Ok(at) = text.parse::<Timestamp>() {
        // The database keeps microseconds; what is answered must be what is kept.
        let at = Timestamp::from_microsecond(at.as_microsecond()).ok()?;
        return Some(Due { at, all_day: false });
    }
    let day: Date = (text.len() == 10).then(|| text.parse().ok())??;
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let end = day.at(23, 59, 59, 999_999_000).to_zoned(zone).ok()?;
    Some(Due { at: end.timestamp(), all_day: true })
}

/// Reads where a span of time begins or ends: a date-time (RFC 3339), or a
/// date, which means the beginning of that day in the time zone `zone`.
#[must_use]
pub fn bound(text: &str, zone: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let day: Date = (text.len() == 10).then(|| text.parse().ok())??;
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    Some(day.to_zoned(zone).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_the_end_of_that_day_where_the_creator_lives() {
        let due = parse("2026-03-01", "America/New_York").expect("a date");

        assert_eq!(due.at.to_string(), "2026-03-02T04:59:59.999999Z");
        assert!(due.all_day);
    }

    #[test]
    fn a_date_that_bounds_is_the_beginning_of_that_day() {
        let at = bound("2026-03-01", "America/New_York").expect("a date");

        assert_eq!(at.to_string(), "2026-03-01T05:00:00Z");
        assert_eq!(
            bound("2026-03-01T00:00:00Z", "UTC").map(|at| at.as_second()),
            Some(1_772_323_200)
        );
        assert_eq!(bound("soon", "UTC"), None);
    }

    #[test]
    fn a_moment_stays_what_it_is_and_anything_else_is_refused() {
        let due = parse("2026-03-01T10:00:00+02:00", "UTC").expect("a date-time");

        assert_eq!(due.at.to_string(), "2026-03-01T08:00:00Z");
        assert!(!due.all_day);
        for wrong in ["", "tomorrow", "2026-13-01", "2026-03-01T10:00:00", "20260301"] {
            assert_eq!(parse(wrong, "UTC"), None, "{wrong}");
        }
    }
}
