//! Relations of tasks, which events do not tell: they differ from reader to
//! reader. That they have changed is told by the revision.

use std::collections::{BTreeMap, BTreeSet};

use sayso_testkit::Client;
use serde_json::Value;

/// A relation as one end shows it: its id, and the task at the other end.
type Relation = (String, String);

/// What a reader is shown of relations, by task, with its revision.
#[derive(Default)]
pub struct Relations(BTreeMap<String, (i64, BTreeSet<Relation>)>);

impl Relations {
    /// As they are now.
    pub async fn of(who: &Client) -> Self {
        let (mut all, mut more) = (BTreeMap::new(), String::new());
        loop {
            let path = format!("/api/tasks?dependencies=true&limit=100{more}");
            let page = who.get(&path).await.expect(200);
            for task in page["items"].as_array().into_iter().flatten() {
                let revision = task["revision"].as_i64().expect("a revision");
                all.insert(text(&task["id"]), (revision, relations(task)));
            }
            match page["nextCursor"].as_str() {
                Some(cursor) => more = format!("&cursor={cursor}"),
                None => return Self(all),
            }
        }
    }

    /// Where relations are others `now` under the same revision. `moved` are the
    /// tasks that were deleted or restored since: any other one that is not in
    /// both states has come into sight or gone out of it, which is no change of
    /// what it has to do with.
    pub fn unannounced(&self, now: &Self, moved: &BTreeSet<String>) -> Vec<String> {
        let counts = |other: &str| {
            moved.contains(other) || (self.0.contains_key(other) && now.0.contains_key(other))
        };
        let mut wrong = Vec::new();
        for (id, (revision, before)) in &self.0 {
            let Some((_, after)) = now.0.get(id).filter(|(later, _)| later == revision) else {
                continue;
            };
            let differing = before.symmetric_difference(after);
            let others: Vec<&str> = differing.map(|(_, other)| &**other).collect();
            for other in others.into_iter().filter(|other| counts(other)) {
                wrong.push(format!("task {id}: what it has to do with {other} is not announced"));
            }
        }
        wrong
    }
}

fn relations(task: &Value) -> BTreeSet<Relation> {
    let ends = [&task["dependencies"], &task["dependents"]];
    let all = ends.into_iter().filter_map(Value::as_array).flatten();
    all.map(|relation| (text(&relation["id"]), text(&relation["taskId"]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(tasks: &[(&str, i64, &[&str])]) -> Relations {
        let relation = |other: &&str| ("r".to_owned(), (*other).to_owned());
        let task = |(id, revision, others): &(&str, i64, &[&str])| {
            ((*id).to_owned(), (*revision, others.iter().map(relation).collect()))
        };
        Relations(tasks.iter().map(task).collect())
    }

    #[test]
    fn a_relation_that_went_with_the_other_end_has_to_be_announced_but_not_one_out_of_sight() {
        let before = shown(&[("a", 1, &["b"]), ("b", 1, &["a"])]);
        let moved = BTreeSet::from(["b".to_owned()]);

        let silent = shown(&[("a", 1, &[])]);
        assert_eq!(before.unannounced(&silent, &moved).len(), 1);
        assert_eq!(before.unannounced(&silent, &BTreeSet::new()), Vec::<String>::new());
        let told = shown(&[("a", 2, &[])]);
        assert_eq!(before.unannounced(&told, &moved), Vec::<String>::new());
        let parted = shown(&[("a", 1, &[]), ("b", 2, &[])]);
        assert_eq!(before.unannounced(&parted, &BTreeSet::new()).len(), 1);
    }
}
