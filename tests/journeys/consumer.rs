//! An example of a consumer of the log: it counts finished tasks per person.
//!
//! Its position is a row that moves in the transaction of its effect, and that
//! it locks, so whatever is killed, each event counts once.

use std::time::Duration;

use sayso_access::Ctx;
use sayso_db::{Db, Queries, Sql};
use sayso_kernel::Fault;
use uuid::Uuid;

/// What it needs: its place in the log, and what it counts.
pub const TABLES: &str = "
    CREATE TABLE finished_position (position bigint NOT NULL);
    CREATE TABLE finished_tasks (person uuid PRIMARY KEY, count bigint NOT NULL);
    INSERT INTO finished_position VALUES (0);
    GRANT SELECT, INSERT, UPDATE ON finished_position, finished_tasks TO sayso_app";

const PLACE: Sql = Sql::new("finished.place", "SELECT position FROM finished_position FOR UPDATE");
const NEXT: Sql = Sql::new(
    "finished.next",
    "SELECT position, (SELECT array_agg(who::uuid)
                       FROM json_array_elements_text(data->'assignedTo') AS who
                       WHERE type = 'task.updated' AND data->>'status' = 'done'
                         AND (change->'fields')::jsonb ? 'status')
     FROM event_log WHERE position > $1 ORDER BY position LIMIT 20",
);
const COUNT: Sql = Sql::new(
    "finished.count",
    "INSERT INTO finished_tasks AS t SELECT who, 1 FROM unnest($1::uuid[]) AS who
     ON CONFLICT (person) DO UPDATE SET count = t.count + 1",
);
const MOVE: Sql = Sql::new("finished.move", "UPDATE finished_position SET position = $1");

/// Takes the next events; `false` when there are none. `pause` is where a
/// test kills it: after the effect, before the commit.
pub async fn step(db: &Db, ctx: &Ctx, pause: Duration) -> Result<bool, Fault> {
    let work = db.transaction(ctx, async move |tx, _| {
        let place: i64 = tx.row(&PLACE, &[]).await?.map_or(0, |row| row.get(0));
        let mut last = place;
        for row in tx.rows(&NEXT, &[&place]).await? {
            last = row.get(0);
            if let Some(people) = row.get::<_, Option<Vec<Uuid>>>(1) {
                tx.rows(&COUNT, &[&people]).await?;
            }
        }
        tx.rows(&MOVE, &[&last]).await?;
        tokio::time::sleep(pause).await;
        Ok(last > place)
    });
    work.await
}
