//! The log: does it move, is anything stuck in it?

use sayso_db::Db;

use super::Finding;
use crate::repo::doctor::{self, Follower, LogFacts};

/// A fact waits for milliseconds. So many seconds are worth a look, and the
/// second number an alarm.
const WAIT_SECS: (f64, f64) = (5.0, 60.0);
/// The same of a transaction that keeps old rows alive.
const SNAPSHOT_SECS: (f64, f64) = (60.0, 600.0);

/// Events that a follower of the log is behind: worth a look (as the alert has
/// it), and half of those after which the log no longer waits for it.
const BEHIND: (i64, i64) = (10_000, 2_500_000);

pub(super) async fn examine(db: &Db) -> Vec<Finding> {
    let mut all = match doctor::log(db).await {
        Ok(facts) => judge(&facts.unwrap_or_default()),
        Err(error) => {
            let advice = "see the other lines: PostgreSQL answered, and not to this";
            return vec![Finding::fail("log", format!("it cannot be read: {error}"), advice)];
        }
    };
    // A schema that lacks migrations, which has a line of its own, may have no
    // followers yet.
    let furthest = doctor::furthest_behind(db).await.ok().flatten();
    all.extend(furthest.map(|follower| judge_follower(&follower)));
    all
}

fn judge_follower(follower: &Follower) -> Finding {
    let Follower { name, behind } = follower;
    let found = format!("{name} is {behind} events behind");
    let advice = format!(
        "look at the log of the nodes for {name}: it repeats what fails; left too far behind, what it \
         has not read is dropped"
    );
    match *behind {
        behind if behind >= BEHIND.1 => Finding::fail("followers", found, advice),
        behind if behind >= BEHIND.0 => Finding::warn("followers", found, advice),
        _ => Finding::ok("followers", found),
    }
}

fn judge(facts: &LogFacts) -> Vec<Finding> {
    let position = facts.position.map_or("not begun".to_owned(), |at| format!("at {at}"));
    let led = if facts.is_led { "led by a running Sayso" } else { "no Sayso runs" };
    let found = format!(
        "{position}, {led}, {} facts wait (the first for {:.0} s)",
        facts.waiting, facts.waited_secs
    );
    let mut all = vec![if !facts.is_led {
        // What waits is numbered at the next start.
        Finding::ok("log", found)
    } else if facts.waited_secs >= WAIT_SECS.1 {
        let advice = "the leader hangs or is starved: look at its log, at the load of PostgreSQL, and \
                      restart the node; another one takes over";
        Finding::fail("log", found, advice)
    } else if facts.waited_secs >= WAIT_SECS.0 {
        Finding::warn("log", found, "look at the load of PostgreSQL and at the oldest transaction")
    } else {
        Finding::ok("log", found)
    }];
    if facts.dead > 0 {
        let found = format!("{} facts could not be stored (outbox_dead)", facts.dead);
        let advice = "read their reason; the change itself is there, its event was not heard and its \
                      audit entry is missing";
        all.push(Finding::fail("dead facts", found, advice));
    }
    let secs = facts.oldest_snapshot_secs;
    let found = format!("the oldest transaction is {secs:.0} s old");
    let advice = "end it (pg_stat_activity, pg_terminate_backend): it keeps dead rows alive and slows \
                  the log; a backup under way is one, too";
    all.push(if secs >= SNAPSHOT_SECS.1 {
        Finding::fail("oldest snapshot", found, advice)
    } else if secs >= SNAPSHOT_SECS.0 {
        Finding::warn("oldest snapshot", found, advice)
    } else {
        Finding::ok("oldest snapshot", found)
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_log_that_stands_still_dead_facts_and_old_snapshots_are_told() {
        let level = |facts: LogFacts| {
            judge(&facts).into_iter().max_by_key(|one| one.level).expect("findings").level
        };
        let led = LogFacts { is_led: true, ..LogFacts::default() };

        assert_eq!(level(led.clone()), Level::Ok);
        assert_eq!(level(LogFacts { waited_secs: 9.0, ..led.clone() }), Level::Warn);
        assert_eq!(level(LogFacts { waited_secs: 90.0, ..led.clone() }), Level::Fail);
        assert_eq!(
            level(LogFacts { waited_secs: 90.0, ..LogFacts::default() }),
            Level::Ok,
            "nobody runs"
        );
        assert_eq!(level(LogFacts { dead: 1, ..led.clone() }), Level::Fail);
        assert_eq!(level(LogFacts { oldest_snapshot_secs: 61.0, ..led.clone() }), Level::Warn);
        assert_eq!(level(LogFacts { oldest_snapshot_secs: 601.0, ..led }), Level::Fail);
    }

    #[test]
    fn a_follower_that_is_far_behind_is_told_with_its_name() {
        let judge = |behind| judge_follower(&Follower { name: "notifications".to_owned(), behind });

        assert_eq!(judge(12).level, Level::Ok);
        assert_eq!(judge(10_000).level, Level::Warn);
        assert_eq!(judge(4_000_000).level, Level::Fail);
        assert_eq!(judge(12).found, "notifications is 12 events behind");
    }
}
