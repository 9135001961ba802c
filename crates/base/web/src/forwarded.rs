//! Where a request really comes from, when proxies stand before us.
//!
//! Anybody can write `X-Forwarded-For`. So it is read only where the
//! connection comes from a proxy that is listed, and from its right end, where
//! that proxy has written: what is listed is passed over, and the first
//! address that is not is the client. Everything further left was sent by that
//! client and says nothing.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::HeaderName;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Addresses that are read from the right at the most: nobody has more proxies
/// one behind the other.
const HOPS_MAX: usize = 32;

/// The networks of the proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<Network>);

/// An address with the bits of it that count.
#[derive(Clone, Copy, Debug)]
struct Network {
    address: u128,
    mask: u128,
}

impl Proxies {
    /// Reads addresses and networks (`10.0.0.0/8`); the error is the first
    /// that is neither.
    ///
    /// # Errors
    /// The entry that cannot be read.
    pub fn parse(list: &[String]) -> Result<Self, &str> {
        let read = list.iter().map(|entry| Network::parse(entry).ok_or(entry.as_str()));
        read.collect::<Result<_, _>>().map(Self)
    }

    fn lists(&self, address: IpAddr) -> bool {
        let bits = bits(address);
        self.0.iter().any(|network| bits & network.mask == network.address)
    }

    /// The address of the client behind `peer`.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if self.0.is_empty() || !self.lists(client) {
            return client;
        }
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
        for hop in hops.take(HOPS_MAX) {
            // What cannot be read was not written by a proxy of ours: the
            // nearest that we know of stands for it.
            let Some(address) = read(hop) else { break };
            client = address;
            if !self.lists(client) {
                break;
            }
        }
        client
    }

    /// Whether a listed proxy says that the client came over TLS.
    #[must_use]
    pub fn is_tls(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let last = headers.get_all(FORWARDED_PROTO).iter().next_back();
        let is_https = |value: &http::HeaderValue| {
            let last = value.to_str().ok().and_then(|text| text.rsplit(',').next());
            last.is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
        };
        last.is_some_and(is_https) && self.lists(peer.to_canonical())
    }
}

impl Network {
    fn parse(entry: &str) -> Option<Self> {
        let (address, prefix) = match entry.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (entry.trim(), None),
        };
        let address: IpAddr = address.parse().ok()?;
        let own = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(own), str::parse::<u32>).ok().filter(|bits| *bits <= own)?;
        let free = own - prefix;
        let mask = if free == 128 { 0 } else { u128::MAX << free };
        Some(Self { address: bits(address) & mask, mask })
    }
}

/// An address as IPv6 bits; an IPv4 one lies in its mapped range.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn read(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(bare, _)| bare);
    let parsed: Option<IpAddr> = bare.unwrap_or(hop).parse().ok();
    let with_port = || Some(hop.parse::<std::net::SocketAddr>().ok()?.ip());
    parsed.or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(list: &[&str]) -> Proxies {
        let list: Vec<String> = list.iter().map(|entry| (*entry).to_owned()).collect();
        Proxies::parse(&list).expect("networks")
    }

    fn client(proxies: &Proxies, peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().expect("a header"));
        }
        proxies.client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_listed() {
        let none = Proxies::default();
        let some = proxies(&["10.0.0.0/8"]);

        assert_eq!(client(&none, "127.0.0.1", &["1.2.3.4"]), "127.0.0.1");
        assert_eq!(client(&some, "192.0.2.7", &["1.2.3.4"]), "192.0.2.7");
        assert_eq!(client(&some, "::ffff:192.0.2.7", &["1.2.3.4"]), "192.0.2.7");
    }

    #[test]
    fn the_client_is_the_rightmost_that_is_not_listed() {
        let some = proxies(&["10.0.0.0/8", "fd00::/8", "192.0.2.1"]);
        for (lines, found) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["6.6.6.6, 203.0.113.9, 10.1.1.1"][..], "203.0.113.9"),
            (&["6.6.6.6", "203.0.113.9", "192.0.2.1"][..], "203.0.113.9"),
            (&["6.6.6.6, 203.0.113.9:4711"][..], "203.0.113.9"),
            (&["[2001:db8::1]:443, fd00::2"][..], "2001:db8::1"),
            (&["10.9.9.9, 10.1.1.1"][..], "10.9.9.9"),
            (&["6.6.6.6, unknown, 10.1.1.1"][..], "10.1.1.1"),
            (&[][..], "10.0.0.1"),
        ] {
            assert_eq!(client(&some, "10.0.0.1", lines), found, "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_network_is_named() {
        for bad in ["10.0.0.0/33", "proxy.example", "", "10.0.0.0/", "::/129"] {
            let list = ["10.0.0.0/8".to_owned(), bad.to_owned()];
            assert_eq!(Proxies::parse(&list).err(), Some(bad));
        }
        let all = proxies(&["0.0.0.0/0", "::/0"]);
        assert!(all.lists("203.0.113.9".parse().expect("an address")));
    }

    #[test]
    fn tls_is_believed_of_a_listed_proxy_only() {
        let some = proxies(&["10.0.0.1"]);
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_PROTO, "https".parse().expect("a header"));

        assert!(some.is_tls("10.0.0.1".parse().expect("an address"), &headers));
        assert!(!some.is_tls("10.0.0.2".parse().expect("an address"), &headers));
    }
}
