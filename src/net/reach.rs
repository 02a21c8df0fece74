//! Which addresses may be called: public ones, and those networks that the operator opened.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network in CIDR notation, such as `10.1.0.0/16` or `::1/128`; an address without a length is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

/// A text is not a network in CIDR notation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a network; write it as 10.1.0.0/16 or fd00::/8")]
pub struct NotANetwork(String);

impl Network {
    /// The networks of this machine alone.
    pub const LOOPBACK: [Self; 2] = [
        Self { address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), length: 8 },
        Self { address: IpAddr::V6(Ipv6Addr::LOCALHOST), length: 128 },
    ];

    /// The networks that are nobody's alone: loopback, private, shared and link-local addresses.
    pub const PRIVATE: [Self; 9] = [
        Self::LOOPBACK[0],
        Self::LOOPBACK[1],
        Self { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), length: 8 },
        Self { address: IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), length: 12 },
        Self { address: IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), length: 16 },
        Self { address: IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), length: 10 },
        Self { address: IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), length: 16 },
        Self { address: IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), length: 7 },
        Self { address: IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), length: 10 },
    ];

    /// Whether it is a network of this one address.
    fn is_single(&self) -> bool {
        self.length == if self.address.is_ipv4() { 32 } else { 128 }
    }

    /// Whether the address is in this network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                same_start(u128::from(u32::from(ours)) << 96, u128::from(u32::from(theirs)) << 96, self.length)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => same_start(u128::from(ours), u128::from(theirs), self.length),
            _ => false,
        }
    }
}

fn same_start(one: u128, other: u128, bits: u8) -> bool {
    (one ^ other).leading_zeros() >= u32::from(bits)
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length = length.unwrap_or(longest);
        if length <= longest { Ok(Self { address, length }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Whether an address may be called, given the networks that were opened.
///
/// The metadata services of clouds hand out credentials to whoever asks from inside: only a network of that one address opens
/// them. IPv4 addresses that travel inside IPv6 ones (mapped, NAT64, 6to4) are judged as what they lead to.
#[must_use]
pub fn may_be_called(address: IpAddr, opened: &[Network]) -> bool {
    let address = inner(address);
    let guarded = METADATA.contains(&address);
    opened.iter().any(|network| network.contains(address) && (!guarded || network.is_single())) || is_public(address)
}

const METADATA: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254))];

fn inner(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => v4(g, h),
        (0x2002, ..) => v4(b, c),
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let special = v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_documentation()
        || v4.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    // Only 2000::/3 is routed; within it, documentation, benchmarking and Teredo lead nowhere good.
    let [a, b, ..] = v6.segments();
    (0x2000..0x4000).contains(&a) && !(a == 0x2001 && (b == 0x0db8 || b < 0x0200)) && a != 0x3fff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(address: &str, opened: &[Network]) -> bool {
        may_be_called(address.parse().unwrap(), opened)
    }

    #[test]
    fn public_addresses_may_be_called() {
        for address in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101", "100.63.0.1"] {
            assert!(judged(address, &[]), "{address}");
        }
    }

    #[test]
    fn inner_networks_and_the_cloud_metadata_service_may_not_be_called_in_any_disguise() {
        for address in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:a9fe:a9fe",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "::127.0.0.1",
        ] {
            assert!(!judged(address, &[]), "{address}");
        }
    }

    #[test]
    fn an_opened_network_may_be_called_and_its_neighbour_may_not() {
        let opened = ["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()];
        assert!(judged("10.1.255.1", &opened));
        assert!(judged("::ffff:10.1.0.1", &opened));
        assert!(judged("fd12::1", &opened));
        assert!(!judged("10.2.0.1", &opened));
        assert!(judged("127.9.9.9", &Network::LOOPBACK));
        assert!(!judged("10.0.0.1", &Network::LOOPBACK));
    }

    #[test]
    fn opening_all_private_networks_still_keeps_the_metadata_service_closed() {
        for address in ["127.0.0.1", "10.9.9.9", "172.31.0.1", "192.168.0.1", "169.254.1.1", "fd12::1", "fe80::1"] {
            assert!(judged(address, &Network::PRIVATE), "{address}");
        }
        for address in ["169.254.169.254", "::ffff:a9fe:a9fe", "fd00:ec2::254", "0.0.0.0", "224.0.0.1"] {
            assert!(!judged(address, &Network::PRIVATE), "{address}");
        }
        assert!(judged("169.254.169.254", &["169.254.169.254".parse().unwrap()]));
    }

    #[test]
    fn a_network_is_written_as_it_is_read() {
        assert_eq!("10.1.0.0/16".parse::<Network>().unwrap().to_string(), "10.1.0.0/16");
        assert_eq!("::1".parse::<Network>().unwrap().to_string(), "::1/128");
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "x/8", "::/129", "10.0.0.0/-1"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("9.9.9.9".parse().unwrap()));
    }
}
