//! plugin-cfg.xml: any bytes are hosts and warnings, or an error, and every host is one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use maintenance_core::allow::plugin_cfg::{self, Host};
use maintenance_core::net::hosts;

fuzz_target!(|content: &[u8]| match plugin_cfg::parse(content) {
    Ok(found) => {
        assert!(!found.hosts.is_empty() || !found.odd.is_empty());
        for odd in found.odd {
            let message = odd.to_string();
            assert!(message.len() < 1000 && !message.contains(char::is_control), "{message}");
        }
        for (host, line) in found.hosts {
            assert!(line >= 1);
            assert!(!matches!(host, Host::Name(name) if !hosts::is_name(&name)));
        }
    }
    Err(error) => {
        let message = error.to_string();
        assert!(message.len() < 1000 && !message.contains(char::is_control), "{message}");
    }
});
