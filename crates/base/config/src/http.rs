//! The HTTP door.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::section::section;

section! {
    /// The HTTP door.
    Http in "http" {
        /// Where clients are answered. The default is this machine only: put a
        /// TLS-ending proxy in front before opening it further.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), "address:port";
        /// A port of their own for `/metrics` and the details of
        /// `/health/ready`; without it they answer loopback and operators only.
        ops_listen: Option<SocketAddr> = None, "address:port";
        /// The largest request body that is read.
        body_max_bytes: usize = 1 << 20, "bytes", in 1 << 10..=64 << 20;
        /// After this long a request is answered 503.
        request_timeout_ms: u64 = 10_000, "milliseconds", in 100..=600_000;
        /// How long a client may take to send its request line and headers.
        header_read_timeout_ms: u64 = 10_000, "milliseconds", in 100..=600_000;
        /// Origins whose pages may call this API (CORS), like
        /// `https://app.example.com`. Native apps send none and are let in.
        allowed_origins: Vec<String> = Vec::new(), "list of origins";
        /// The proxies before this server, as addresses and networks
        /// (`10.0.0.0/8`). What they say in `X-Forwarded-For` of where a
        /// request comes from is believed, and of nobody else.
        trusted_proxies: Vec<String> = Vec::new(), "list of addresses and networks";
        /// How long a node of several goes on taking requests after it has said
        /// that it wants no more: so long the balancer may take to notice.
        drain_ms: u64 = 3_000, "milliseconds", in 0..=60_000;
        /// How many connections are open at once; more wait in the kernel.
        connections_max: usize = 20_000, "connections", in 10..=1_000_000;
    }
}

impl Http {
    /// The allowed origin that is none, if there is one.
    pub(crate) fn bad_origin(&self) -> Option<&str> {
        self.allowed_origins.iter().map(String::as_str).find(|origin| !is_origin(origin))
    }

    /// The trusted proxy that is none, if there is one.
    pub(crate) fn bad_proxy(&self) -> Option<&str> {
        self.trusted_proxies.iter().map(String::as_str).find(|entry| !is_network(entry))
    }
}

/// Whether `text` is an address, or a network as an address and the bits of it
/// that count.
fn is_network(text: &str) -> bool {
    let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| bits.parse::<u32>().is_ok_and(|bits| bits <= most))
}

/// Whether `text` is a scheme, a host and perhaps a port, and nothing after
/// it: a browser's `Origin` header never ends in a slash, so that such an
/// entry would silently match nothing.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let host = authority.rsplit_once(':').map_or(authority, |(host, port)| {
        if port.parse::<u16>().is_ok() { host } else { authority }
    });
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-._[]:".contains(c);
    !scheme.is_empty() && !host.is_empty() && scheme.chars().all(plain) && host.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::{is_network, is_origin};

    #[test]
    fn a_network_is_an_address_and_perhaps_its_bits() {
        for good in ["10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "0.0.0.0/0"] {
            assert!(is_network(good), "{good}");
        }
        for bad in ["proxy.example", "10.0.0.0/33", "10.0.0.0/", "/8", "::/129", "10.0.0"] {
            assert!(!is_network(bad), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host_and_nothing_after_it() {
        for good in ["https://app.example.com", "http://localhost:5173", "http://[::1]:80"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in ["*", "app.example.com", "https://app.example.com/", "https://", "https://A.b"] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
