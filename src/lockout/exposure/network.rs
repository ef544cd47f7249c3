//! Ranges of IP addresses, as `aws:SourceIp` takes them (CIDR, RFC 4632).

use std::net::IpAddr;

/// S3 calls a condition on wider ranges public: "values broader than /8 for IPv4 and /32 for IPv6".
///
/// Source: Amazon S3 User Guide, "The meaning of 'public'".
const IPV4_PREFIX_MIN: u32 = 8;
const IPV6_PREFIX_MIN: u32 = 32;
/// How many IPv4 addresses all ranges of a list may hold together, four times the widest. Else 256 narrow ranges would
/// be the internet.
const IPV4_ADDRESSES_MAX: u64 = 4 << (32 - IPV4_PREFIX_MIN);

/// Whether these ranges are well formed and leave most of the internet out. The IPv6 internet has more ranges of the
/// widest kind than a policy has room for.
pub(super) fn narrows(ranges: &[&str]) -> bool {
    let ranges: Option<Vec<(IpAddr, u32)>> = ranges.iter().map(|range| parse(range)).collect();
    let Some(ranges) = ranges else { return false };
    let narrow = |(address, prefix): &(IpAddr, u32)| match address {
        IpAddr::V4(_) => (IPV4_PREFIX_MIN..=32).contains(prefix),
        IpAddr::V6(_) => (IPV6_PREFIX_MIN..=128).contains(prefix),
    };
    let ipv4 = ranges.iter().filter(|(address, _)| address.is_ipv4());
    ranges.iter().all(narrow) && ipv4.map(|(_, prefix)| 1_u64 << (32 - prefix)).sum::<u64>() <= IPV4_ADDRESSES_MAX
}

fn parse(range: &str) -> Option<(IpAddr, u32)> {
    let Some((address, prefix)) = range.split_once('/') else {
        let address: IpAddr = range.parse().ok()?;
        return Some((address, if address.is_ipv4() { 32 } else { 128 }));
    };
    Some((address.parse().ok()?, prefix.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::narrows;

    #[test]
    fn ranges_narrow_up_to_the_width_that_s3_takes() {
        for (ranges, wanted) in [
            (&["192.0.2.7"][..], true),
            (&["10.0.0.0/8", "192.168.0.0/16", "2001:db8::/32", "2001:db8::1"], true),
            (&["0.0.0.0/0"], false),
            (&["::/0"], false),
            (&["192.0.2.0/24", "0.0.0.0/1"], false),
            (&["128.0.0.0/7"], false),
            (&["2000::/31"], false),
            (&["192.0.2.0/33"], false),
            (&["192.0.2.0/"], false),
            (&["192.0.2.*"], false),
            (&["${aws:SourceIp}"], false),
        ] {
            assert_eq!(narrows(ranges), wanted, "{ranges:?}");
        }
    }

    #[test]
    fn a_list_of_ranges_cannot_be_the_internet() {
        let all: Vec<String> = (0..=255).map(|first| format!("{first}.0.0.0/8")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        assert!(!narrows(&all) && narrows(&all[..4]));
    }
}
