//! One line that changes, for whoever sits before it: how far something is that
//! takes long. Where standard error is no terminal nothing of it is written.

use std::io::{self, IsTerminal, Read, Write};

const MIB: u64 = 1 << 20;

/// So many rows of a table are done.
pub(super) fn rows(table: &str, count: i64) {
    show(&format!("{table}: {count} rows"));
}

/// So many bytes are done.
pub(super) fn bytes(what: &str, count: u64) {
    show(&format!("{what}: {} MiB", count / MIB));
}

/// So many entries of the audit hold, of so many.
pub(super) fn entries(count: i64, all: i64) {
    show(&format!("audit: {count} of {all} entries"));
}

/// So many secrets were looked at.
pub(super) fn secrets(count: u32) {
    show(&format!("secrets: {count} looked at"));
}

/// Takes the line away, before something else is said.
pub(super) fn done() {
    show("");
}

fn show(line: &str) {
    let mut err = io::stderr();
    if err.is_terminal() {
        // A terminal that is gone is no reason to stop.
        let _ = write!(err, "\r\x1b[K{line}\r");
    }
}

/// Bytes that are told as they are read.
pub(super) struct Told<R, F> {
    from: R,
    told: F,
    count: u64,
    due: u64,
}

impl<R, F: FnMut(u64)> Told<R, F> {
    /// `told` hears of the first, and then of every mebibyte.
    pub(super) fn new(from: R, told: F) -> Self {
        Self { from, told, count: 0, due: 1 }
    }
}

impl<R: Read, F: FnMut(u64)> Read for Told<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.count += count as u64;
        if self.count >= self.due {
            (self.told)(self.count);
            self.due = (self.count / MIB + 1) * MIB;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_told_at_its_beginning_and_once_a_mebibyte() {
        let mut counts = Vec::new();
        let mut buffer = vec![0; 256 << 10];

        {
            let mut told = Told::new(io::repeat(0).take(3 * MIB), |count| counts.push(count));
            while told.read(&mut buffer).expect("zeros can be read") > 0 {}
        }

        assert_eq!(counts, [256 << 10, MIB, 2 * MIB, 3 * MIB]);
    }
}
