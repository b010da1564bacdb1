//! The address of a client, behind proxies or not.

use axum::http::HeaderMap;
use ipnet::IpNet;
use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

/// What one subscriber has: an address, and of version 6 all those that share its first 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The peer; or, where that is a trusted proxy, whom it speaks for by `X-Forwarded-For`. Each proxy appends
/// the address that it was called from, so the list is read from its end, and no further than it was written
/// by proxies that are trusted. What stands before that, anybody may have made up.
pub fn address(peer: IpAddr, headers: &HeaderMap, trusted_proxies: &[IpNet]) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let mut client = peer.to_canonical();
    while trusted_proxies
        .iter()
        .any(|proxies| proxies.contains(&client))
    {
        let Some(hop) = hops.next().and_then(parse) else {
            break;
        };
        client = hop;
    }
    client
}

/// An address; some proxies write the port after it.
fn parse(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let address = text.parse();
    let address = address.or_else(|_| text.parse().map(|hop: SocketAddr| hop.ip()));
    address.ok().map(|address| address.to_canonical())
}
