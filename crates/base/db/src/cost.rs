//! What a piece of work costs the database: its statements, and how often it
//! waited for an answer.
//!
//! Counted by whoever runs statements, for the task that [`counted`] wraps;
//! work that is spawned from it is not its cost. Outside nothing is counted.

use std::cell::Cell;

/// What something cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// Named statements.
    pub statements: u32,
    /// Times the database was waited for: the statements, BEGIN and COMMIT.
    pub trips: u32,
}

tokio::task_local! {
    static COST: Cell<Cost>;
}

/// Runs `work` and tells what it cost.
pub async fn counted<T>(work: impl Future<Output = T>) -> (T, Cost) {
    let counting = async {
        let value = work.await;
        (value, COST.with(Cell::get))
    };
    COST.scope(Cell::default(), counting).await
}

/// Runs what is not the cost of the work around it: what is held in memory as a
/// rule, and asked for now and then.
pub async fn uncounted<T>(work: impl Future<Output = T>) -> T {
    COST.scope(Cell::default(), work).await
}

/// A statement was answered.
pub(crate) fn statement() {
    add(Cost { statements: 1, trips: 1 });
}

/// Something that is no statement of its own was answered: BEGIN, COMMIT.
pub(crate) fn trip() {
    add(Cost { statements: 0, trips: 1 });
}

fn add(more: Cost) {
    // Nobody counts what no request waits for.
    let _outside = COST.try_with(|cost| {
        let held = cost.get();
        cost.set(Cost {
            statements: held.statements + more.statements,
            trips: held.trips + more.trips,
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_done_within_is_counted_and_nothing_else() {
        statement();
        let ((), cost) = counted(async {
            trip();
            statement();
            tokio::task::yield_now().await;
            statement();
            uncounted(async { statement() }).await;
            tokio::spawn(async { statement() }).await.expect("it ends");
        })
        .await;
        let ((), nothing) = counted(async {}).await;

        assert_eq!(cost, Cost { statements: 2, trips: 3 });
        assert_eq!(nothing, Cost::default());
    }
}
