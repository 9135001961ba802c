//! The write path and the log on a real PostgreSQL: what is committed is
//! numbered and heard, once and in order, whatever is killed in between.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit;
mod bus;
mod filling;
mod leader;
mod line;
mod lost_commit;
mod numbering;
mod once;
mod retention;
mod rewound;
mod statements;
mod things;
mod writing;
