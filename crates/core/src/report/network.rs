//! Networks as the report shows them.

use ipnet::IpNet;

/// Writes a network as in a directive: an address has no prefix length.
pub(super) fn network(network: IpNet) -> String {
    match network.prefix_len() == network.max_prefix_len() {
        true => network.addr().to_string(),
        false => network.to_string(),
    }
}
