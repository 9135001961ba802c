//! Writes the file of a backup, as the dump comes.

use std::io::{self, Read, Write};

use sayso_kernel::hex;
use sayso_kernel::secret::Secret;
use sha2::{Digest, Sha256};

use super::tar::Writer;
use super::{ABOUT, About, END, End, KEY, Keys, PART, PREVIOUS_KEYS};

/// The dump is kept in memory by so much.
const PART_BYTES: usize = 4 << 20;

/// Writes everything and answers where it was written to. `told` hears the
/// bytes of the dump so far.
pub(crate) fn pack<W: Write>(
    out: W,
    about: &About,
    dump: &mut dyn Read,
    keys: &Keys,
    mut told: impl FnMut(u64),
) -> io::Result<W> {
    let at = u64::try_from(about.at.as_second()).unwrap_or_default();
    let mut tar = Writer::new(out, at);
    tar.entry(ABOUT, &serde_json::to_vec_pretty(about)?)?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    for turn in 0.. {
        let mut part = Vec::with_capacity(PART_BYTES);
        dump.take(PART_BYTES as u64).read_to_end(&mut part)?;
        if part.is_empty() {
            break;
        }
        hash.update(&part);
        bytes += part.len() as u64;
        tar.entry(&format!("{PART}{turn:06}"), &part)?;
        told(bytes);
    }
    if let Some(key) = &keys.root {
        tar.entry(KEY, lines(std::slice::from_ref(key)).as_bytes())?;
    }
    if !keys.previous.is_empty() {
        tar.entry(PREVIOUS_KEYS, lines(&keys.previous).as_bytes())?;
    }
    let end = End { bytes, sha256: hex::encode(&hash.finalize()) };
    tar.entry(END, &serde_json::to_vec_pretty(&end)?)?;
    let mut out = tar.finish()?;
    out.flush()?;
    Ok(out)
}

/// Keys as a file keeps them.
fn lines(keys: &[Secret<String>]) -> String {
    keys.iter().map(|key| format!("{}\n", key.expose())).collect()
}
