//! What a read through the cache takes and gives.

use std::sync::Arc;

use sayso_kernel::Fault;
use sayso_kernel::fault::NOT_FOUND;

use crate::l2::Codec;
use crate::table::Watch;

/// What was read.
#[derive(Debug)]
pub struct Loaded<T> {
    pub(crate) value: Option<T>,
    pub(crate) bytes: usize,
    pub(crate) watched: Vec<Watch>,
}

impl<T> Loaded<T> {
    /// A thing that takes about so many bytes.
    pub fn of(value: T, bytes: usize) -> Self {
        Self { value: Some(value), bytes, watched: Vec::new() }
    }

    /// There is no such thing, or it is hidden: that is kept as well.
    #[must_use]
    pub fn nothing() -> Self {
        Self { value: None, bytes: 0, watched: Vec::new() }
    }

    /// One or the other; `bytes` says about how many a thing takes.
    pub fn perhaps(value: Option<T>, bytes: impl FnOnce(&T) -> usize) -> Self {
        let bytes = value.as_ref().map_or(0, bytes);
        Self { value, bytes, watched: Vec::new() }
    }

    /// It shows these too, and goes when they change.
    #[must_use]
    pub fn watching(mut self, watched: impl IntoIterator<Item = Watch>) -> Self {
        self.watched.extend(watched);
        self
    }
}

/// A thing that was found, and shared among those who asked.
pub type Found<T> = Result<Option<Arc<T>>, Fault>;

/// A thing that must be there.
///
/// # Errors
/// 404 where it is not, or is hidden; those of the read.
pub fn required<T>(found: Found<T>) -> Result<Arc<T>, Fault> {
    found?.ok_or_else(|| Fault::new(&NOT_FOUND))
}

/// What a read of something that is not there, or is hidden, comes to: that is
/// no failure here.
///
/// # Errors
/// Whatever else is wrong.
pub fn seen<T>(read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(fault) if fault.is(&NOT_FOUND) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// How a thing is shared with other nodes.
pub(crate) struct Shared<'a, T> {
    pub(crate) codec: &'a Codec<T>,
    pub(crate) watched: &'a [Watch],
}
