//! Notes: rows whose number says how often a write was done, each with a fact.

use sayso_access::Ctx;
use sayso_db::{Db, Fact, FactKind, Queries, Sql, Stream, change_with_fact};
use sayso_kernel::Fault;
use serde_json::json;
use uuid::Uuid;

/// No key: a write that is done twice leaves two rows.
pub const TABLE: &str = "CREATE TABLE notes (id uuid NOT NULL);
     GRANT SELECT, INSERT ON notes TO sayso_app";

static TAKEN: FactKind = FactKind {
    name: "note.taken",
    is_event: true,
    is_audited: true,
    stream: "one of four channels",
    summary: "A note was taken",
};

const INSERT: Sql = Sql::new("notes.insert", "INSERT INTO notes (id) VALUES ($1)");
const LOOKUP: Sql = Sql::new("notes.lookup", "SELECT count(*) FROM notes WHERE id = $1");
const HOT: Sql = Sql::new(
    "notes.insert_hot",
    change_with_fact!("WITH change AS (INSERT INTO notes (id) VALUES ($14) RETURNING id)", "id"),
);
/// Sleeps for a number of milliseconds.
pub const SLEEP: Sql = Sql::new("test.sleep", "SELECT pg_sleep($1::float8 / 1000)");

/// How a note is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Transaction,
    OneStatement,
}

fn fact(id: Uuid) -> Fact {
    let stream = Stream::Channel(Uuid::from_u128(id.as_u128() % 4));
    Fact::event(&TAKEN, vec![stream], 1, &json!({ "id": id })).about("note", id)
}

pub async fn take(db: &Db, ctx: &Ctx, form: Form, id: Uuid) -> Result<(), Fault> {
    match form {
        Form::Transaction => {
            db.transaction(ctx, async move |tx, _| {
                tx.rows(&INSERT, &[&id]).await?;
                tx.emit(fact(id));
                Ok(())
            })
            .await
        }
        Form::OneStatement => {
            db.write_statement(ctx, &HOT, fact(id), &[&id]).await??;
            Ok(())
        }
    }
}

pub async fn count(db: &Db, id: Uuid) -> Result<i64, Fault> {
    let row = db.read().row(&LOOKUP, &[&id]).await?;
    Ok(row.unwrap().get(0))
}

/// Holds a connection of the pool for a while.
pub async fn sleep(db: &Db, ctx: &Ctx, millis: f64) -> Result<(), Fault> {
    db.transaction(ctx, async move |tx, _| {
        tx.rows(&SLEEP, &[&millis]).await?;
        Ok(())
    })
    .await
}
