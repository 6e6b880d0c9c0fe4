//! Reads APR's socket addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sys::bindings::{APR_INET, APR_INET6, apr_sockaddr_t};

/// The address without its port; None for a local socket.
///
/// # Safety
/// The address must be APR's, and complete.
pub(crate) unsafe fn ip(address: &apr_sockaddr_t) -> Option<IpAddr> {
    // SAFETY: according to APR, `ipaddr_ptr` points to four bytes for APR_INET and to sixteen for
    // APR_INET6.
    unsafe {
        match address.family as i64 {
            family if family == APR_INET as i64 => {
                Some(Ipv4Addr::from(address.ipaddr_ptr.cast::<[u8; 4]>().read()).into())
            }
            family if family == APR_INET6 as i64 => {
                Some(Ipv6Addr::from(address.ipaddr_ptr.cast::<[u8; 16]>().read()).into())
            }
            _ => None,
        }
    }
}
