//! Traces: where they go, and how many of them.

use sayso_kernel::secret::Secret;

use crate::section::section;
use crate::value::{Kind, Setting};

section! {
    /// Traces, by OpenTelemetry.
    Traces in "traces" {
        /// The collector that traces are sent to by OTLP over HTTP (protobuf,
        /// `/v1/traces` is added). Without it no trace is made. TLS is not
        /// built in: name a collector on this machine or in this network.
        endpoint: Option<String> = None, "http:// URL, like http://127.0.0.1:4318";
        /// What the collector is told this is.
        service_name: String = "sayso".to_owned(), "name";
        /// How many traces are made of those that could be: 1 is all of them,
        /// 0.01 one in a hundred. A caller who sends `traceparent` is joined
        /// and decides nothing.
        sample_ratio: Ratio = Ratio::ALL, "0 to 1";
        /// Headers that are sent along, as a collector may ask for them.
        headers: Secret<Vec<String>> = Secret::new(Vec::new()), "list of name=value";
        /// How long the collector may take for one answer.
        timeout_ms: u64 = 5_000, "milliseconds", in 100..=60_000;
    }
}

/// A share of a whole, from nothing to all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio(f64);

impl Ratio {
    /// All of it.
    pub const ALL: Self = Self(1.0);

    /// As a number from 0 to 1.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Setting for Ratio {
    const KIND: Kind = Kind::Ratio;

    fn parse(text: &str) -> Result<Self, &'static str> {
        let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio.map(Self).ok_or("a number from 0 to 1")
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

impl Traces {
    /// Whether an entry of `headers` is none; the names go over the wire as
    /// they are.
    pub(crate) fn has_bad_header(&self) -> bool {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_good = |entry: &String| {
            entry.split_once('=').is_some_and(|(name, value)| {
                !name.is_empty()
                    && name.chars().all(is_token)
                    && value.chars().all(|c| c == ' ' || c.is_ascii_graphic())
            })
        };
        !self.headers.expose().iter().all(is_good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_lies_between_nothing_and_all() {
        for (text, ratio) in [("0", 0.0), ("1", 1.0), ("0.01", 0.01), ("1.0", 1.0)] {
            assert_eq!(Ratio::parse(text), Ok(Ratio(ratio)));
        }
        for text in ["-0.1", "1.1", "NaN", "inf", "half", ""] {
            assert!(Ratio::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_header_is_a_name_and_what_may_stand_on_the_wire() {
        let of = |entry: &str| {
            let headers = Secret::new(vec![entry.to_owned()]);
            Traces { headers, ..Traces::default() }.has_bad_header()
        };

        assert!(!of("authorization=Bearer a=b"));
        for entry in ["authorization", "=a", "a b=c", "a=b\nc: d", "a=ü"] {
            assert!(of(entry), "{entry:?}");
        }
    }
}
