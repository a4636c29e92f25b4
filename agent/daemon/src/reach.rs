//! Where a check or a metric may go: to servers, never to the machine it runs on or to what only its neighbours should see.
//!
//! Whoever writes an Environment or a Strategy has the agent ask, from where the agent stands. Addresses of the link, where clouds
//! hand out credentials, and of the agent itself are refused after names are resolved, so that no name leads there.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Resolves names, less what may not be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// True for development on one machine.
    pub(crate) loopback: bool,
}

impl Reach {
    pub(crate) fn allows(self, address: IpAddr) -> bool {
        let address = match address {
            IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        let link = match address {
            IpAddr::V4(four) => four.is_link_local() || four.is_broadcast(),
            // The second is where one cloud hands out credentials.
            IpAddr::V6(six) => six.is_unicast_link_local() || six == METADATA,
        };
        let nowhere = address.is_unspecified() || address.is_multicast();
        let own = address.is_loopback() && !self.loopback;
        let zero = matches!(address, IpAddr::V4(four) if four.octets()[0] == 0);
        !(link || nowhere || own || zero)
    }

    /// The same for a host that is written as an address.
    pub(crate) fn allows_host(self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse().map_or(true, |address| self.allows(address))
    }
}

const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);

impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| reach.allows(address.ip())).collect();
            match allowed.is_empty() {
                true => Err(NOWHERE.into()),
                false => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

pub(crate) const NOWHERE: &str = "leads to an address that the agent may not ask";

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn neither_the_agent_nor_the_link_can_be_asked() {
        let reach = Reach { loopback: false };
        for forbidden in [
            "127.0.0.1",
            "[::1]",
            "169.254.169.254",
            "[::ffff:169.254.169.254]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "0.0.0.0",
            "224.0.0.1",
        ] {
            assert!(!reach.allows_host(forbidden), "{forbidden}");
        }
        for allowed in ["10.0.0.7", "192.0.2.1", "[2001:db8::1]", "shop.example"] {
            assert!(reach.allows_host(allowed), "{allowed}");
        }
        assert!(Reach { loopback: true }.allows(Ipv4Addr::LOCALHOST.into()));
    }
}
