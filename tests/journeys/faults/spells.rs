//! What somebody was to hear, by the spells in which they were there, and what
//! they heard instead.

use std::collections::{HashMap, HashSet};

use crate::truth::Logged;

/// What is wrong with what somebody heard, held against the log: of what that
/// has, they were to hear what lies between a beginning and an end of theirs,
/// once and in order, and nothing else.
pub fn misheard(log: &[Logged], spells: &[(i64, i64)], heard: &[Logged]) -> Vec<String> {
    let is_theirs = |event: &&Logged| {
        spells.iter().any(|(began, ended)| *began < event.position && event.position < *ended)
    };
    let due = log.iter().filter(is_theirs).map(|event| (event.position, event));
    let due: HashMap<i64, &Logged> = due.collect();
    let (mut wrong, mut seen, mut last) = (Vec::new(), HashSet::new(), 0);
    for event in heard {
        let position = event.position;
        if due.get(&position).is_none_or(|due| *due != event) {
            wrong.push(format!("{position} was not theirs"));
        } else if !seen.insert(position) {
            wrong.push(format!("{position} came twice"));
        } else if position < last {
            wrong.push(format!("{position} came after {last}"));
        }
        last = last.max(position);
    }
    let missed = due.keys().filter(|position| !seen.contains(*position));
    wrong.extend(missed.map(|position| format!("{position} never came")));
    wrong
}

/// Whether something was said in each of these spells, and before each.
pub fn was_a_race(said: &[Logged], spells: &[(i64, i64)]) -> bool {
    let is_said = |after: i64, before: i64| {
        said.iter().any(|event| after < event.position && event.position < before)
    };
    let mut last = 0;
    spells.iter().all(|(began, ended)| {
        let before = std::mem::replace(&mut last, *ended);
        is_said(before, *began) && is_said(*began, *ended)
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn event(position: i64) -> Logged {
        Logged {
            stream: "channel:1".to_owned(),
            seq: position,
            position,
            id: Uuid::from_u128(u128::try_from(position).unwrap()),
            kind: "message.sent".to_owned(),
        }
    }

    fn events(positions: &[i64]) -> Vec<Logged> {
        positions.iter().copied().map(event).collect()
    }

    #[test]
    fn whoever_hears_too_much_too_little_twice_or_in_disorder_is_convicted() {
        let log = events(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let judged = |heard: &[i64]| misheard(&log, &[(2, 5), (6, 9)], &events(heard));

        assert_eq!(judged(&[3, 4, 7, 8]), [""; 0]);
        assert_eq!(judged(&[3, 4, 5, 7, 8]), ["5 was not theirs"]);
        assert_eq!(judged(&[1, 3, 4, 7, 8]), ["1 was not theirs"]);
        assert_eq!(judged(&[3, 4, 7, 8, 10]), ["10 was not theirs"]);
        assert_eq!(judged(&[3, 7, 8]), ["4 never came"]);
        assert_eq!(judged(&[3, 4, 4, 7, 8]), ["4 came twice"]);
        assert_eq!(judged(&[4, 3, 7, 8]), ["3 came after 4"]);
        let mut elsewhere = events(&[3, 4, 7, 8]);
        elsewhere[3].seq = 9;
        let found = misheard(&log, &[(2, 5), (6, 9)], &elsewhere);
        assert_eq!(found, ["8 was not theirs", "8 never came"]);
    }

    #[test]
    fn spells_in_which_nothing_was_said_prove_nothing() {
        let spells = [(2, 5), (7, 9)];

        assert!(was_a_race(&events(&[1, 3, 6, 8]), &spells));
        for silent in [[3, 6, 8], [1, 6, 8], [1, 3, 8], [1, 3, 6]] {
            assert!(!was_a_race(&events(&silent), &spells), "{silent:?}");
        }
    }
}
