//! Walks from the newest matches towards the oldest, one window of time after
//! the other.
//!
//! How many entries an index names nobody knows beforehand: a word may be in
//! ten of five million messages, or in ten thousand of those of last spring. So
//! a statement looks at those of one window, and not at more than 6,000. The
//! next window begins where it ended, and is as long as what was found so far
//! suggests; one that held too many is asked again, shorter. What an index goes
//! through to name them counts too: where each piece of a term is in many
//! messages, a window is short though the term is rare.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sayso_db::{DbError, Queries};
use sayso_kernel::matcher::Matcher;

use super::sample::{COMMON_MIN, SAMPLE, Sample, sample};
use super::within::{Asked, Window, within};
use crate::model::{Findings, Kind, RANKED_MAX};

/// Windows of one question at the most.
const WINDOWS_MAX: usize = 40;
/// Entries that a window is to hold: half of what a statement looks at, since
/// it is a guess.
const LOOKS: i64 = 3000;
/// How much longer than the last one a window may be, and how much shorter.
const STEP_MAX: i64 = 8;
/// What is not cut shorter.
const WINDOW_MIN: SignedDuration = SignedDuration::from_hours(1);

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Weeks that are named at the most: twenty years.
const WEEKS_MAX: i64 = 1040;
/// The first Monday, in seconds.
const MONDAY: i64 = 4 * 24 * 3600;

/// The best of one kind after the cursor. `newest` is the same question, to be
/// looked for among the newest entries.
pub(crate) async fn find(
    mut db: impl Queries,
    kind: Kind,
    asked: Asked<'_>,
    newest: &Matcher,
) -> Result<Findings, DbError> {
    let bounds = asked.bounds;
    let among_newest = Asked { matcher: newest, ..asked };
    // A channel that is named mostly has few messages, which are soon looked at.
    if kind == Kind::Message && bounds.channels.is_some() {
        let found = among(&mut db, kind, among_newest).await?;
        if !found.capped {
            return Ok(found);
        }
    }
    let sample = sample(&mut db, kind, asked.matcher).await?;
    if sample.is_some_and(|sample| sample.hits >= COMMON_MIN) {
        return among(&mut db, kind, among_newest).await;
    }
    let mut walk = Walk::new((bounds.after, bounds.before), sample);
    // Of other kinds no index knows the weeks.
    if kind == Kind::Message {
        walk.keep_short(sample);
    }
    let mut all = Findings { capped: true, ..Findings::default() };
    let mut is_whole = true;
    for _ in 0..WINDOWS_MAX {
        let wanted = RANKED_MAX - all.considered;
        let part = within(&mut db, kind, asked, &walk.window(), wanted).await?;
        if !part.is_whole && walk.shorten() {
            continue;
        }
        is_whole &= part.is_whole;
        all.found.extend(part.found);
        all.considered += part.considered;
        if all.considered >= RANKED_MAX {
            break;
        }
        if !walk.advance(part.looked_at) {
            all.capped = !is_whole;
            break;
        }
    }
    Ok(all)
}

/// The same, looked for among the newest.
async fn among(db: &mut impl Queries, kind: Kind, asked: Asked<'_>) -> Result<Findings, DbError> {
    let window = Window { from: asked.bounds.after, to: asked.bounds.before, weeks: None };
    let part = within(db, kind, asked, &window, RANKED_MAX).await?;
    let capped = part.considered >= RANKED_MAX || !part.is_whole;
    Ok(Findings { found: part.found, considered: part.considered, capped })
}

/// The Mondays of the weeks from one moment to another, unless they are too many
/// to be named.
fn weeks(first: Timestamp, last: Timestamp) -> Option<Vec<Date>> {
    let week = |at: Timestamp| (at.as_second() - MONDAY).div_euclid(WEEK.as_secs());
    let monday = |week: i64| {
        let at = Timestamp::from_second(MONDAY + week * WEEK.as_secs()).ok()?;
        Some(at.to_zoned(TimeZone::UTC).date())
    };
    let weeks = week(first)..=week(last).max(week(first));
    let few = weeks.end() - weeks.start() < WEEKS_MAX;
    few.then(|| weeks.map(monday).collect()).flatten()
}

/// Where the walk is. A window without a beginning reaches back to everything.
#[derive(Clone, Copy, Debug)]
struct Walk {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    /// Where the question begins,
    after: Option<Timestamp>,
    /// and the first and the last entry of the kind.
    ends: Option<(Timestamp, Timestamp)>,
    /// How long a window is at the most.
    longest: SignedDuration,
}

impl Walk {
    /// At the first window of what lies within `after` and `before`. Of `n`
    /// entries in a second, of which `hits` of a thousand fit, so many seconds
    /// hold as many as a statement is to look at.
    fn new(
        (after, before): (Option<Timestamp>, Option<Timestamp>),
        sample: Option<Sample>,
    ) -> Self {
        let ends = sample.map(|sample| (sample.oldest, sample.newest));
        let mut walk = Self { from: after, to: before, after, ends, longest: SignedDuration::MAX };
        if let Some(sample) = sample {
            let looks = 2 * LOOKS / (2 * sample.hits + 1);
            walk.reach(sample.lasting(looks.saturating_mul(SAMPLE)));
        }
        walk
    }

    /// Makes no window longer than an index can go through.
    fn keep_short(&mut self, sample: Option<Sample>) {
        self.longest = sample.map_or(SignedDuration::MAX, |sample| sample.longest());
        self.reach(self.length());
    }

    fn window(&self) -> Window {
        let (from, to) = (self.from, self.to);
        let ends = self.ends.filter(|_| from.is_some() || to.is_some());
        let weeks = ends.and_then(|(oldest, newest)| {
            let first = from.map_or(oldest, |from| from.max(oldest));
            // What came since the newest was read may be of the next week.
            weeks(first, self.end(newest).checked_add(WEEK).ok()?)
        });
        Window { from, to, weeks }
    }

    /// Where the window ends, no later than the last entry.
    fn end(&self, newest: Timestamp) -> Timestamp {
        self.to.map_or(newest, |to| to.min(newest))
    }

    fn length(&self) -> SignedDuration {
        let Some((oldest, newest)) = self.ends else { return SignedDuration::ZERO };
        let from = self.from.map_or(oldest, |from| from.max(oldest));
        self.end(newest).duration_since(from).max(SignedDuration::ZERO)
    }

    /// Sets where the window begins; at the beginning of everything, where
    /// nothing is left before it.
    fn reach(&mut self, length: SignedDuration) {
        let Some((oldest, newest)) = self.ends else { return };
        let begin = self.after.map_or(oldest, |after| after.max(oldest));
        let length = length.min(self.longest);
        let from = self.end(newest).checked_sub(length).unwrap_or(Timestamp::MIN);
        self.from = if from <= begin { self.after } else { Some(from) };
    }

    /// Asks for less of the window, unless it is too short already.
    fn shorten(&mut self) -> bool {
        let length = self.length();
        if length <= WINDOW_MIN {
            return false;
        }
        self.reach(length / i32::try_from(STEP_MAX).unwrap_or(i32::MAX));
        true
    }

    /// Goes on to the window before this one, in which `looked_at` entries were,
    /// unless it was the last.
    fn advance(&mut self, looked_at: i64) -> bool {
        if self.from == self.after {
            return false;
        }
        let seconds = self.length().as_secs().max(1);
        let next = (seconds.saturating_mul(LOOKS) / looked_at.max(1))
            .min(seconds.saturating_mul(STEP_MAX));
        self.to = self.from;
        self.reach(SignedDuration::from_secs(next));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + day * DAY).expect("a moment")
    }

    /// Of a company of so many days in which the newest thousand entries are of
    /// one day.
    fn sample(days: i64, hits: i64) -> Option<Sample> {
        Some(Sample { hits, pieces: hits, newest: day(days), last: day(days - 1), oldest: day(0) })
    }

    #[test]
    fn what_is_rare_is_looked_for_in_all_time_at_once() {
        let mut walk = Walk::new((None, None), sample(700, 0));

        let all = walk.window();
        assert_eq!((all.from, all.to, all.weeks), (None, None, None));
        assert!(!walk.advance(10));
        let within = (Some(day(3)), Some(day(9)));
        for sample in [sample(700, 0), None] {
            let window = Walk::new(within, sample).window();
            assert_eq!((window.from, window.to), within);
        }
    }

    #[test]
    fn what_is_rare_though_all_its_pieces_are_frequent_is_looked_for_in_short_windows() {
        // Of two million entries, of which a fifth hold the rarest piece.
        let sample = sample(2000, 0).map(|sample| Sample { pieces: 200, ..sample });
        let mut walk = Walk::new((None, None), sample);
        walk.keep_short(sample);
        let mut count = 1;
        loop {
            assert!(walk.length() <= SignedDuration::from_secs(300 * DAY));
            if !walk.advance(0) {
                break;
            }
            count += 1;
        }
        assert_eq!(count, 7);
    }

    #[test]
    fn windows_follow_one_another_back_to_the_beginning() {
        for (found, most) in [(0, 6), (50, 6), (2000, 5), (3000, 5)] {
            let mut walk = Walk::new((None, None), sample(3000, 3));
            let mut count = 1;
            assert_eq!(walk.window().to, None);
            loop {
                let before = walk.window();
                assert!(before.from.is_none_or(|from| before.to.is_none_or(|to| from < to)));
                if !walk.advance(found) {
                    break;
                }
                assert_eq!(walk.window().to, before.from, "nothing is left out");
                count += 1;
            }
            assert_eq!(walk.window().from, None, "the first entry has nothing before it");
            assert!(count <= most, "{count} windows of {found}");
        }
    }

    #[test]
    fn a_window_that_held_too_many_is_asked_again_shorter_until_it_is_very_short() {
        let mut walk = Walk::new((None, None), sample(700, 0));
        let mut last = walk.length();

        while walk.shorten() {
            assert!(walk.length() < last && walk.window().to.is_none());
            last = walk.length();
        }
        assert!(last <= WINDOW_MIN);
        assert!(walk.advance(9000), "and what lies before it is not forgotten");
    }

    #[test]
    fn a_question_of_a_time_is_asked_of_that_time_only() {
        let mut walk = Walk::new((Some(day(100)), Some(day(2900))), sample(3000, 7));

        assert_eq!(walk.window().to, Some(day(2900)));
        while walk.advance(3000) {}
        assert_eq!(walk.window().from, Some(day(100)));
        assert!(!Walk::new((Some(day(9000)), None), sample(3000, 7)).advance(0));
        assert!(!Walk::new((None, Some(day(-9))), sample(3000, 7)).advance(0));
    }

    #[test]
    fn a_window_names_every_week_that_it_touches() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a moment");
        let named = |first, last| {
            let weeks = weeks(at(first), at(last)).expect("few weeks");
            weeks.iter().map(Date::to_string).collect::<Vec<_>>()
        };

        let (sunday, monday) = ("2026-03-01T23:59:59Z", "2026-03-02T00:00:00Z");
        assert_eq!(named(sunday, sunday), ["2026-02-23"]);
        assert_eq!(named(sunday, monday), ["2026-02-23", "2026-03-02"]);
        assert_eq!(named("1969-12-31T00:00:00Z", "1970-01-05T00:00:00Z").len(), 2);
        assert_eq!(weeks(at("1900-01-01T00:00:00Z"), at(monday)), None);
    }
}
