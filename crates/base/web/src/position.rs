//! `Sayso-Min-Position`: a client that has seen more of the log than this node
//! has applied does not want to be answered from before.
//!
//! Handlers read the primary, which is never behind, so the wait is for what
//! the node holds in memory. It is short and bounded: a client that names a
//! position which there is not yet is then answered from the primary all the
//! same, past the cache. A position of another epoch belongs to a history that is no more and
//! says nothing about this one; it is passed over, and `Sayso-Position` of the
//! answer tells the client which history holds now.

use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderName;
use sayso_kernel::Fault;
use sayso_kernel::fault::Place;
use tokio::time::{Instant, sleep};

use crate::codes::{BAD_HEADER, field};
use crate::stack::PositionSource;

const MIN_POSITION: HeaderName = HeaderName::from_static("sayso-min-position");
/// How long a request waits for its node, at the most.
const WAIT_MAX: Duration = Duration::from_millis(250);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Characters of an epoch at the most.
const EPOCH_MAX: usize = 64;

/// The least that an answer should rest on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MinPosition {
    epoch: String,
    position: i64,
}

impl MinPosition {
    /// What the client asks for, if it does.
    ///
    /// # Errors
    /// 400 when it cannot be read, or is there twice.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Fault> {
        let mut values = headers.get_all(MIN_POSITION).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let read = value.to_str().ok().and_then(Self::parse);
        match (read, values.next()) {
            (Some(min), None) => Ok(Some(min)),
            _ => Err(Fault::new(&BAD_HEADER).with(
                Place::Header("Sayso-Min-Position".into()),
                field::HEADER,
                "must be one <epoch>:<position>, as Sayso-Position had it",
            )),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (epoch, position) = text.trim().rsplit_once(':')?;
        let is_sane = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_name = (1..=EPOCH_MAX).contains(&epoch.len()) && epoch.bytes().all(is_sane);
        let is_number = !position.is_empty() && position.bytes().all(|byte| byte.is_ascii_digit());
        let position = position.parse().ok().filter(|_| is_name && is_number)?;
        Some(Self { epoch: epoch.to_owned(), position })
    }

    /// Waits until the node has applied it, within bounds. Answers whether it
    /// has.
    pub(crate) async fn wait(&self, position: &PositionSource) -> bool {
        let until = Instant::now() + WAIT_MAX;
        while self.is_ahead(position().as_deref()) {
            if Instant::now() >= until {
                return false;
            }
            sleep(LOOK_EVERY).await;
        }
        true
    }

    fn is_ahead(&self, applied: Option<&str>) -> bool {
        match applied.map(Self::parse) {
            // The node has not read its log yet.
            None => true,
            Some(Some(applied)) => applied.epoch == self.epoch && applied.position < self.position,
            Some(None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_told() {
        let read = MinPosition::parse("e1:42").expect("a position");

        assert_eq!((&*read.epoch, read.position), ("e1", 42));
        for bad in ["", "42", "e1:", ":42", "e1:-1", "e1:+1", "e1:4x", "e 1:4", "e1:9e3"] {
            assert_eq!(MinPosition::parse(bad), None, "{bad}");
        }
        assert_eq!(MinPosition::parse("e1:99999999999999999999"), None);
    }

    #[test]
    fn only_a_later_place_of_the_same_history_is_waited_for() {
        let min = MinPosition::parse("e1:42").expect("a position");

        assert!(min.is_ahead(Some("e1:41")) && min.is_ahead(None));
        assert!(!min.is_ahead(Some("e1:42")) && !min.is_ahead(Some("e2:7")));
    }
}
