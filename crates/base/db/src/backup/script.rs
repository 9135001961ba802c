//! The script that `pg_restore` makes of a dump, run on one connection.
//!
//! It is plain SQL with the rows of tables between `COPY … FROM stdin;` and
//! `\.`. `psql` is not used for it: a script may tell `psql` to run programs,
//! and a backup may come from anywhere.

use std::io::BufRead;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use tokio_postgres::Client;

use super::BackupError;

/// Rows are sent in pieces of about this size.
const PIECE: usize = 64 << 10;

/// One piece of the script.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Statements.
    Statements(String),
    /// The statement that takes rows.
    Copy(String),
    /// Rows.
    Rows(Bytes),
    /// There are no more rows.
    Done,
}

/// Takes the script apart.
pub(super) struct Pieces<R> {
    script: R,
    waiting: Option<Piece>,
    is_copying: bool,
}

impl<R: BufRead> Pieces<R> {
    pub(super) fn of(script: R) -> Self {
        Self { script, waiting: None, is_copying: false }
    }

    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Piece>, BackupError> {
        if let Some(piece) = self.waiting.take() {
            return Ok(Some(piece));
        }
        if self.is_copying { self.rows().map(Some) } else { self.statements() }
    }

    fn rows(&mut self) -> Result<Piece, BackupError> {
        let mut rows = BytesMut::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.script.read_until(b'\n', &mut line)? == 0 {
                return Err(BackupError::Script("it ends in the middle of a table"));
            }
            if line == b"\\.\n" || line == b"\\.\r\n" {
                self.is_copying = false;
                if rows.is_empty() {
                    return Ok(Piece::Done);
                }
                self.waiting = Some(Piece::Done);
                return Ok(Piece::Rows(rows.freeze()));
            }
            rows.put_slice(&line);
            if rows.len() >= PIECE {
                return Ok(Piece::Rows(rows.freeze()));
            }
        }
    }

    fn statements(&mut self) -> Result<Option<Piece>, BackupError> {
        let mut text = String::new();
        let mut line = String::new();
        loop {
            line.clear();
            if self.script.read_line(&mut line)? == 0 {
                return Ok((!text.trim().is_empty()).then_some(Piece::Statements(text)));
            }
            if line.starts_with("COPY ") && line.trim_end().ends_with(" FROM stdin;") {
                self.is_copying = true;
                let copy = Piece::Copy(line.trim_end().trim_end_matches(';').to_owned());
                if text.trim().is_empty() {
                    return Ok(Some(copy));
                }
                self.waiting = Some(copy);
                return Ok(Some(Piece::Statements(text)));
            }
            if !is_for_others(&line) {
                text.push_str(&line);
            }
        }
    }
}

/// Lines for `psql`, and a setting that an older server does not know.
fn is_for_others(line: &str) -> bool {
    line.starts_with("\\restrict ")
        || line.starts_with("\\unrestrict ")
        || line.starts_with("SET transaction_timeout = ")
}

/// Runs what `pieces` brings, in its order.
pub(super) async fn run(
    client: &Client,
    mut pieces: tokio::sync::mpsc::Receiver<Result<Piece, BackupError>>,
) -> Result<(), BackupError> {
    while let Some(piece) = pieces.recv().await {
        match piece? {
            Piece::Statements(text) => client.batch_execute(&text).await?,
            Piece::Copy(statement) => copy(client, &statement, &mut pieces).await?,
            Piece::Rows(_) | Piece::Done => {
                return Err(BackupError::Script("rows without a table"));
            }
        }
    }
    Ok(())
}

async fn copy(
    client: &Client,
    statement: &str,
    pieces: &mut tokio::sync::mpsc::Receiver<Result<Piece, BackupError>>,
) -> Result<(), BackupError> {
    let mut sink = std::pin::pin!(client.copy_in::<_, Bytes>(statement).await?);
    loop {
        match pieces.recv().await {
            Some(Ok(Piece::Rows(rows))) => sink.send(rows).await?,
            Some(Ok(Piece::Done)) => {
                sink.as_mut().finish().await?;
                return Ok(());
            }
            Some(Err(error)) => return Err(error),
            _ => return Err(BackupError::Script("it ends in the middle of a table")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(script: &str) -> Result<Vec<Piece>, BackupError> {
        let mut pieces = Pieces::of(script.as_bytes());
        std::iter::from_fn(|| pieces.next().transpose()).collect()
    }

    #[test]
    fn statements_and_rows_come_apart_and_lines_for_psql_are_left_out() {
        let script = "\\restrict abc\nSET a = 1;\nSET transaction_timeout = 0;\n\
                      COPY public.t (a) FROM stdin;\n1\n\\\\.\n\\.\n\n\nCREATE INDEX i;\n\
                      \\unrestrict abc\n";

        let found = pieces(script).expect("a script");

        assert_eq!(
            found,
            [
                Piece::Statements("SET a = 1;\n".to_owned()),
                Piece::Copy("COPY public.t (a) FROM stdin".to_owned()),
                Piece::Rows(Bytes::from_static(b"1\n\\\\.\n")),
                Piece::Done,
                Piece::Statements("\n\nCREATE INDEX i;\n".to_owned()),
            ]
        );
    }

    #[test]
    fn an_empty_table_has_no_rows_and_one_that_is_cut_is_a_fault() {
        let empty = pieces("COPY public.t (a) FROM stdin;\n\\.\n").expect("a script");
        let cut = pieces("COPY public.t (a) FROM stdin;\n1\n").expect_err("a fault");

        assert_eq!(empty, [Piece::Copy("COPY public.t (a) FROM stdin".to_owned()), Piece::Done]);
        assert!(cut.to_string().contains("in the middle of a table"), "{cut}");
    }
}
