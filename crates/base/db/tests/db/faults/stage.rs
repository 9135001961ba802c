//! Writers on a server of the test's own, and the count at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sayso_access::Role;
use sayso_config::{Database, process_environment};
use sayso_db::{Db, DbLimits};
use sayso_kernel::Kind;
use sayso_testkit::{Node, TestCtx, TestPostgres, judge, until};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::count::Count;
use crate::notes::{self, Form};

/// Writers of each form.
const WRITERS: u64 = 4;
/// Between two writes of a writer, and after a refusal.
const PAUSE: Duration = Duration::from_millis(5);
/// However bad it was, writes succeed again within this time.
const HEALED_WITHIN: Duration = Duration::from_secs(15);

/// What the writers know.
#[derive(Debug, Default)]
struct Memory {
    acked: BTreeSet<Uuid>,
    unanswered: BTreeSet<Uuid>,
    wrong: Vec<String>,
    slowest: Duration,
}

/// Writers, their server, and the log of what they write.
pub struct Stage {
    pub server: TestPostgres,
    pub db: Db,
    memory: Arc<Mutex<Memory>>,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
    node: Node,
    began: Instant,
}

impl Stage {
    /// A server with these settings, and people who write.
    pub async fn begin(settings: &[&str]) -> Self {
        let server = TestPostgres::start(settings).await;
        server.change(notes::TABLE).await;
        let db = server.db(&DbLimits::from(&Database::default()));
        let node = Node::start(&db);
        let (memory, stop) = (Arc::<Mutex<Memory>>::default(), Arc::<AtomicBool>::default());
        let writers = [Form::Transaction, Form::OneStatement]
            .into_iter()
            .flat_map(|form| (0..WRITERS).map(move |turn| (form, turn)))
            .map(|(form, turn)| {
                let seed = turn * 2 + u64::from(form == Form::OneStatement);
                let (memory, stop) = (Arc::clone(&memory), Arc::clone(&stop));
                tokio::spawn(write(db.clone(), form, seed, memory, stop))
            })
            .collect();
        let stage = Self { server, db, memory, stop, writers, node, began: Instant::now() };
        stage.until_acked(20).await;
        stage
    }

    /// Waits for this many more acknowledged writes.
    pub async fn until_acked(&self, more: usize) {
        let goal = self.memory.lock().acked.len() + more;
        until("more acknowledged writes", HEALED_WITHIN, async || {
            (self.memory.lock().acked.len() >= goal).then_some(())
        })
        .await;
    }

    /// Waits for this many more refused writes.
    pub async fn until_refused(&self, more: usize) {
        let goal = self.memory.lock().unanswered.len() + more;
        until("more refused writes", HEALED_WITHIN, async || {
            (self.memory.lock().unanswered.len() >= goal).then_some(())
        })
        .await;
    }

    pub fn refused(&self) -> usize {
        self.memory.lock().unanswered.len()
    }

    /// The longest that a write took to be answered.
    pub fn slowest(&self) -> Duration {
        self.memory.lock().slowest
    }

    /// Ends the writers and counts what became of their work under so many
    /// faults.
    pub async fn judge(self, name: &str, faults: usize) {
        self.until_acked(50).await;
        self.stop.store(true, Ordering::SeqCst);
        for writer in self.writers {
            writer.await.unwrap();
        }
        judge::assert_settled(&self.db).await;
        let memory = std::mem::take(&mut *self.memory.lock());
        let superuser = self.server.superuser().await;
        let sql = "SELECT (data ->> 'id')::uuid, count(*) FROM event_log
                   WHERE type = 'note.taken' GROUP BY 1";
        let count = Count {
            faults,
            stored: counted(&superuser, "SELECT id, count(*) FROM notes GROUP BY id").await,
            heard: counted(&superuser, sql).await,
            acked: memory.acked,
            unanswered: memory.unanswered,
        };
        report(name, &count, self.began.elapsed(), memory.slowest);
        assert_eq!(memory.wrong, Vec::<String>::new(), "answers that must not be");
        assert_eq!(count.wrong(), Vec::<String>::new());
        self.node.stop().await;
    }
}

/// Writes down what was counted: `make faults` collects the lines of the full
/// forms in `docs/testing.md`.
fn report(name: &str, count: &Count, length: Duration, slowest: Duration) {
    let line = format!(
        "| {name} (slowest write {:.2} s) | {} s | {} | {} | {} | {} | {} | – | {} | {} | – | – |\n",
        slowest.as_secs_f64(),
        length.as_secs(),
        count.faults,
        count.acked.len(),
        count.unanswered.len(),
        count.stored.len(),
        count.heard.len(),
        count.lost(),
        count.doubled(),
    );
    eprint!("{line}");
    if is_full() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../target/faults"));
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(format!("db-{}", name.replace(' ', "-"))), line).unwrap();
    }
}

async fn counted(client: &sayso_db::tokio_postgres::Client, sql: &str) -> BTreeMap<Uuid, i64> {
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn write(db: Db, form: Form, seed: u64, memory: Arc<Mutex<Memory>>, stop: Arc<AtomicBool>) {
    let ctx = TestCtx::seeded(seed + 1000).acting(Role::Staff);
    while !stop.load(Ordering::SeqCst) {
        let (id, started) = (ctx.new_id(), Instant::now());
        let answer = notes::take(&db, &ctx, form, id).await;
        {
            let mut memory = memory.lock();
            memory.slowest = memory.slowest.max(started.elapsed());
            match answer {
                Ok(()) => {
                    memory.acked.insert(id);
                }
                Err(fault) => {
                    if fault.kind() != Kind::Unavailable || fault.retry_after_hint().is_none() {
                        memory.wrong.push(format!("{form:?}: {fault:?}"));
                    }
                    memory.unanswered.insert(id);
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the long forms are asked for.
pub fn is_full() -> bool {
    process_environment().any(|(name, value)| name == "SAYSO_FAULTS" && value == "full")
}
