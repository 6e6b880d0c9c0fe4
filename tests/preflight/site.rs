//! A server with virtual hosts on two ports, locations, and tokens of all kinds, and the possible
//! questions.

use crate::status::{ONE_CHILD, STATUS};
use maintenance_harness::{Httpd, Setup};

pub(super) const FLAGS: [&str; 5] =
    ["all.flag", "one.flag", "other.flag", "app.flag", "files.flag"];

/// Contents of a flag, and their frequency. None means absent.
pub(super) const CONTENTS: [Option<&str>; 12] = [
    None,
    None,
    None,
    None,
    Some(""),
    Some("allow = ['10.6.0.0/16', '10.2.0.0/16', '2001:db8:6::/48']"),
    Some("start = 2099-01-01T00:00:00Z\n"),
    Some("start = 2099-01-01T00:00:00Z\nmessage = 'soon'\nallow = ['10.6.0.0/16']\n"),
    Some("start = 2099-01-01T00:00:00Z\nallow = ['10.6.0.0/16', '203.0.113.0/24']\n"),
    Some("end = 2020-01-01T00:00:00Z"),
    Some("end = 2020-01-01T00:00:00Z\nallow = ['2001:db8:6::/48', '10.6.0.0/16']"),
    Some("end = 2020-01-01T00:00:00Z\nreopen = 'auto'"),
];

/// Prefixes of addresses; an `x` is a random number.
pub(super) const CLIENTS: [&str; 18] = [
    "10.1.x.x",
    "10.2.0.x",
    "10.3.x.1",
    "10.4.1.x",
    "10.5.1.x",
    "10.6.x.x",
    "10.6.x.x",
    "10.7.x.x",
    "::ffff:10.1.x.x",
    "2001:db8:1::x",
    "2001:db8:2::x",
    "2001:db8:6::x:1",
    "192.0.2.x",
    "203.0.113.x",
    "198.51.100.7",
    "127.0.3.1",
    "127.0.0.1",
    "127.0.0.x",
];

pub(super) const PATHS: [&str; 42] = [
    "/",
    "/",
    "/?a=b",
    "/nothing/here",
    "/app",
    "/app/",
    "/app/page?x=/files",
    "/app?y",
    "/app/inner",
    "/app/inner/x",
    "/app//inner",
    "//app/x",
    "///app//x",
    "/./app",
    "/app/.",
    "/x/../app/y",
    "/app/../x",
    "/%61pp/x",
    "/app%2fx",
    "/app%2Finner",
    "/app%3Fx",
    "/app%3bx",
    "/app;x=1",
    "/APP",
    "/apple",
    "/files",
    "/FILES/a",
    "/files;jsessionid=1",
    "/%46iles;x",
    "/filesystem",
    "/files/x.jsp",
    "/x.jsp",
    "/x.jsp?y.jspx",
    "/healthz",
    "/healthz/deep?x",
    "/healthz/../app",
    "/healthz/%2e%2e/app",
    "/healthzx",
    "/app/healthz",
    "/status",
    "/..",
    "/%zz",
];

pub(super) const NAMES: [&str; 15] = [
    "first.test",
    "alias.test",
    "one.test",
    "one.test",
    "ONE.Test",
    "one.test.",
    "x.one.test",
    "deep.x.one.test",
    "off.test",
    "off.test",
    "let-in.test",
    "second.test",
    "unknown.test",
    "192.0.2.1",
    "[2001:db8::1]",
];

/// The ports on which a server has the name.
pub(super) fn ports_of(name: &str, ports: [u16; 2]) -> Vec<u16> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let [one, two] = ports;
    match name.as_str() {
        "first.test" | "alias.test" | "let-in.test" => vec![one],
        "one.test" | "off.test" => vec![one, two],
        "second.test" => vec![two],
        name if name.ends_with(".one.test") => vec![one],
        _ => vec![],
    }
}

pub(super) fn server() -> (Httpd, [u16; 2]) {
    let setup = Setup::new(STATUS).modules(&["remoteip", "headers"]);
    let (address, one) = (setup.address().ip(), setup.address().port());
    let two = one + 1000;
    setup.write("list", "203.0.113.0/28\n198.51.100.7\n");
    let transport = "<Transport Hostname=\"127.0.3.1\"/>";
    setup.write("cfg.xml", format!("<Config><Server>{transport}</Server></Config>"));
    let directives = format!(
        "{ONE_CHILD}
        Listen {address}:{two}
        RemoteIPHeader X-Forwarded-For
        RemoteIPInternalProxy 127.0.0.1
        Header always set X-Note %{{MAINTENANCE}}e
        MaintenanceFlag all.flag
        MaintenanceAllow 10.1.0.0/16 2001:db8:1::/48 file=list plugin-cfg=cfg.xml host=localhost
        MaintenanceAllow path=/healthz
        MaintenanceAllow \"expr=-R '10.7.0.0/16'\" \"expr=%{{HTTP_HOST}} =~ /^let-in/\"
        MaintenanceAllow \"expr=%{{REMOTE_ADDR}} == '192.0.2.77' || %{{QUERY_STRING}} == 'y'\"
        MaintenanceStatus 503 \"expr=%{{REMOTE_ADDR}} =~ /^203/\"
        MaintenanceStatus 504 \"expr=%{{HTTP_HOST}} =~ /^x/\"
        <Location /app>
            MaintenanceFlag app.flag
            MaintenanceAllow 10.2.0.0/16
            MaintenanceStatus 404
        </Location>
        <Location /app/inner>
            MaintenanceAllow none 10.3.0.0/16
        </Location>
        <LocationMatch \"(?i)^/files([/;]|$)\">
            MaintenanceFlag files.flag
        </LocationMatch>
        <LocationMatch \"\\.jsp$\">
            MaintenanceStatus 502
        </LocationMatch>
        <VirtualHost *:{one}>
            ServerName first.test
            ServerAlias alias.test
        </VirtualHost>
        <VirtualHost *:{one}>
            ServerName one.test
            ServerAlias *.one.test
            MaintenanceFlag one.flag
            MaintenanceAllow 10.4.0.0/16
        </VirtualHost>
        <VirtualHost *:{one}>
            ServerName one.test
            MaintenanceAllow none
            MaintenanceStatus 510
        </VirtualHost>
        <VirtualHost *:{one}>
            ServerName off.test
            MaintenanceEngine Off
        </VirtualHost>
        <VirtualHost *:{one}>
            ServerName let-in.test
            MaintenanceStatus 511
        </VirtualHost>
        <VirtualHost *:{two}>
            ServerName second.test
            MaintenanceStatus 505
        </VirtualHost>
        <VirtualHost *:{two}>
            ServerName one.test
            MaintenanceAllow none 10.5.0.0/16 path=/app
            MaintenanceFlag other.flag
            <Location /app>
                MaintenanceStatus 506
            </Location>
        </VirtualHost>
        <VirtualHost *:{two}>
            ServerName one.test
            MaintenanceEngine Off
        </VirtualHost>
        <VirtualHost *:{two}>
            ServerName off.test
            MaintenanceFlag one.flag
        </VirtualHost>"
    );
    let mut httpd = setup.directives(&directives).start();
    httpd.allow_log("overdue: the flag");
    httpd.allow_log("AH00[0-9]+: Invalid URI|AH10244|AH00126"); // of bad paths
    (httpd, [one, two])
}
