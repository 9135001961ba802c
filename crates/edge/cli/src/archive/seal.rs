//! Encryption of a backup under a passphrase, as the program `age` does it.

use std::io::{self, BufReader, Read, Write};

use age::secrecy::SecretString;
use age::stream::StreamWriter;
use anyhow::{Context, Result, bail};
use sayso_kernel::secret::Secret;

/// With this an encrypted file begins.
const MAGIC: &[u8] = b"age-encryption.org/";

/// A passphrase shorter than this is guessed: whoever has the file has all the
/// time there is.
pub(crate) const PASSPHRASE_MIN: usize = 12;

/// What is written comes out encrypted; to be ended with `finish`.
pub(crate) fn sealed<W: Write>(out: W, passphrase: &Secret<String>) -> io::Result<StreamWriter<W>> {
    let secret = SecretString::from(passphrase.expose().clone());
    age::Encryptor::with_user_passphrase(secret).wrap_output(out)
}

/// What was encrypted is read as it was before; what was not, as it is.
pub(crate) fn unsealed(
    mut input: impl Read + Send + 'static,
    passphrase: Option<&Secret<String>>,
) -> Result<Box<dyn Read + Send>> {
    let mut first = Vec::new();
    input.by_ref().take(MAGIC.len() as u64).read_to_end(&mut first)?;
    let is_sealed = first == MAGIC;
    let whole = BufReader::new(io::Cursor::new(first).chain(input));
    if !is_sealed {
        return Ok(Box::new(whole));
    }
    let Some(passphrase) = passphrase else {
        bail!(
            "the backup is encrypted: give its passphrase with --passphrase-file or in \
             SAYSO_BACKUP__PASSPHRASE"
        );
    };
    let identity = age::scrypt::Identity::new(SecretString::from(passphrase.expose().clone()));
    let decryptor = age::Decryptor::new_buffered(whole).context("the backup cannot be read")?;
    let plain = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity));
    Ok(Box::new(plain.context("the passphrase is not that of this backup")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_passphrase_opens_what_it_has_sealed_and_what_is_open_stays_so() {
        let right = Secret::new("correct horse battery".to_owned());
        let mut writer = sealed(Vec::new(), &right).expect("a writer");
        writer.write_all(b"a dump").expect("written");
        let bytes = writer.finish().expect("written");
        let read = |bytes: Vec<u8>, passphrase: Option<&Secret<String>>| -> Result<String> {
            let mut text = String::new();
            unsealed(io::Cursor::new(bytes), passphrase)?.read_to_string(&mut text)?;
            Ok(text)
        };

        assert!(bytes.starts_with(MAGIC) && !bytes.windows(6).any(|part| part == b"a dump"));
        assert_eq!(read(bytes.clone(), Some(&right)).expect("read"), "a dump");
        assert_eq!(read(b"plain".to_vec(), None).expect("read"), "plain");
        let wrong = Secret::new("a wrong horse battery".to_owned());
        let line = read(bytes.clone(), Some(&wrong)).expect_err("refused").to_string();
        assert!(line.contains("passphrase is not that of this backup"), "{line}");
        let line = read(bytes, None).expect_err("refused").to_string();
        assert!(line.contains("the backup is encrypted"), "{line}");
    }
}
