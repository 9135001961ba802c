//! The little of tar (ustar, POSIX.1-1988) that a backup needs: plain files
//! with short names, one after the other.

use std::io::{self, Read, Write};

const BLOCK: usize = 512;
/// The largest entry that is read into memory whole.
const SMALL_MAX: u64 = 64 << 20;

/// Writes entries.
#[derive(Debug)]
pub(super) struct Writer<W> {
    out: W,
    /// Seconds since 1970, of every entry.
    at: u64,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W, at: u64) -> Self {
        Self { out, at }
    }

    pub(super) fn entry(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(&header(name, bytes.len(), self.at))?;
        self.out.write_all(bytes)?;
        self.out.write_all(&[0; BLOCK][..padding(bytes.len() as u64)])
    }

    /// Two empty blocks are the end.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        Ok(self.out)
    }
}

fn padding(len: u64) -> usize {
    usize::try_from(len.wrapping_neg() % BLOCK as u64).unwrap_or_default()
}

fn header(name: &str, len: usize, at: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |from: usize, text: &str| {
        block[from..from + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, name);
    put(100, "0000600");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{len:011o}"));
    put(136, &format!("{at:011o}"));
    put(148, "        ");
    put(156, "0");
    put(257, "ustar");
    put(263, "00");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// Reads entries; the bytes of the present one come by [`Read`].
#[derive(Debug)]
pub(super) struct Reader<R> {
    input: R,
    left: u64,
    padding: usize,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, left: 0, padding: 0 }
    }

    /// Goes to the next entry; its name, or `None` at the end. What was not
    /// read of the present one is passed over.
    pub(super) fn next(&mut self) -> io::Result<Option<String>> {
        io::copy(self, &mut io::sink())?;
        self.input.read_exact(&mut [0; BLOCK][..self.padding])?;
        let mut block = [0; BLOCK];
        self.input.read_exact(&mut block)?;
        if block == [0; BLOCK] {
            (self.left, self.padding) = (0, 0);
            // To the very last byte: that is where encryption proves the whole.
            io::copy(&mut self.input, &mut io::sink())?;
            return Ok(None);
        }
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is not a backup of Sayso");
        let found = number(&block[148..156]).ok_or_else(damaged)?;
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(place, byte)| if (148..156).contains(&place) { 32 } else { u64::from(*byte) })
            .sum();
        if found != sum {
            return Err(damaged());
        }
        self.left = number(&block[124..136]).ok_or_else(damaged)?;
        self.padding = padding(self.left);
        let name = block[..100].split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8(name.to_vec()).map(Some).map_err(|_| damaged())
    }

    /// The whole of a small entry.
    pub(super) fn small(&mut self) -> io::Result<Vec<u8>> {
        if self.left > SMALL_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an entry is too large"));
        }
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.input.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the backup is cut off"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

fn number(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let mut tar = Writer::new(Vec::new(), 1_800_000_000);
        tar.entry("a.json", b"{}").expect("written");
        tar.entry("b", &[7; 1024]).expect("written");
        tar.entry("c", b"").expect("written");
        tar.finish().expect("written")
    }

    #[test]
    fn what_was_written_is_read_entry_by_entry() {
        let bytes = archive();
        let mut tar = Reader::new(bytes.as_slice());

        assert_eq!(tar.next().expect("read").as_deref(), Some("a.json"));
        assert_eq!(tar.small().expect("read"), b"{}");
        assert_eq!(tar.next().expect("read").as_deref(), Some("b"));
        let mut first = [0; 3];
        tar.read_exact(&mut first).expect("read");
        assert_eq!(first, [7; 3]);
        assert_eq!(tar.next().expect("read").as_deref(), Some("c"), "the rest is passed over");
        assert_eq!(tar.small().expect("read"), b"");
        assert_eq!(tar.next().expect("read"), None);
    }

    #[test]
    fn one_that_is_cut_or_something_else_is_a_fault_and_no_panic() {
        let bytes = archive();
        for length in 0..bytes.len() - BLOCK {
            let mut tar = Reader::new(&bytes[..length]);
            let walked = std::iter::from_fn(|| tar.next().transpose()).find(Result::is_err);
            assert!(walked.is_some(), "cut after {length}");
        }
        let mut tar = Reader::new([b'x'; 2048].as_slice());
        assert_eq!(tar.next().expect_err("a fault").to_string(), "it is not a backup of Sayso");
    }
}
