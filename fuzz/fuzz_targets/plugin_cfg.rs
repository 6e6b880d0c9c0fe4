//! plugin-cfg.xml: any bytes are either hosts or an error, and every host is one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mod_maintenance::allow::hosts;
use mod_maintenance::allow::plugin_cfg::{self, Host};

fuzz_target!(|content: &[u8]| match plugin_cfg::parse(content) {
    Ok(found) => {
        assert!(!found.is_empty());
        for (host, line) in found {
            assert!(line >= 1);
            assert!(!matches!(host, Host::Name(name) if !hosts::is_name(&name)));
        }
    }
    Err(error) => {
        let message = error.to_string();
        assert!(message.len() < 1000 && !message.contains(char::is_control), "{message}");
    }
});
