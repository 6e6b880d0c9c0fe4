//! The allowlist, tested through a real httpd.

mod paths;

use maintenance_harness::{Backend, Httpd, Setup};

const REMOTEIP: &str = "RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1\n";

#[test]
fn addresses_behind_mod_remoteip() {
    let httpd = Setup::new(REMOTEIP)
        .modules(&["remoteip"])
        .directives("MaintenanceAllow 127.0.0.1 192.168.157.14 10.1.0.0/16 2001:db8::/32")
        .directives("MaintenanceAllow 172.16.4 198.51.100.64/255.255.255.192 2001:db9::7 11")
        .start();
    httpd.close();
    let client = httpd.client();
    for (address, passes) in [
        ("127.0.0.1", true),
        ("127.0.0.2", false),
        ("127.0.0.10", false),
        ("127.0.0.100", false),
        ("192.168.157.14", true),
        ("192.168.157.1", false),
        ("192.168.157.4", false),
        ("192.168.157.13", false),
        ("192.168.157.15", false),
        ("192.168.157.140", false),
        ("192.168.157.141", false),
        ("192.168.157.149", false),
        ("192.168.15.14", false),
        ("92.168.157.14", false),
        ("10.1.0.0", true),
        ("10.1.2.3", true),
        ("10.1.255.255", true),
        ("10.0.255.255", false),
        ("10.2.0.0", false),
        ("10.11.0.1", false),
        ("110.1.2.3", false),
        ("::ffff:10.1.2.3", true),
        ("::ffff:10.2.2.3", false),
        ("::ffff:192.168.157.14", true),
        ("::ffff:192.168.157.140", false),
        ("::ffff:a01:203", true),
        ("0:0:0:0:0:ffff:10.1.2.3", true),
        ("2001:db8::", true),
        ("2001:db8::1", true),
        ("2001:0DB8:0000::1", true),
        ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("2001:db7:ffff::1", false),
        ("2001:db9::1", false),
        ("2001:db9::7", true),
        ("2001:db9::70", false),
        ("2001:db80::1", false),
        ("::1", false),
        ("::10.1.2.3", false),
        ("172.16.4.0", true),
        ("172.16.4.255", true),
        ("172.16.3.255", false),
        ("172.16.5.0", false),
        ("172.16.40.1", false),
        ("198.51.100.63", false),
        ("198.51.100.64", true),
        ("198.51.100.127", true),
        ("198.51.100.128", false),
        ("11.0.0.0", true),
        ("11.255.255.255", true),
        ("12.0.0.0", false),
        ("1.1.0.0", false),
        ("0.0.0.0", false),
        ("255.255.255.255", false),
        // Only the last address was added by the trusted proxy.
        ("10.1.2.3, 203.0.113.5", false),
        ("203.0.113.5, 10.1.2.3", true),
        // If the value is not an address, the proxy's own address applies.
        ("unknown", true),
    ] {
        let request = client.request("GET", "/").header("X-Forwarded-For", address);
        let answer = client.send(request);
        assert_eq!(answer.status == 200, passes, "{address}: {answer:?}");
        if !passes {
            answer.assert_refused();
        }
    }
}

#[test]
fn a_forged_header_changes_nothing() {
    let backend = Backend::start();
    let httpd = Setup::new("MaintenanceAllow 10.1.2.3").proxy_to(&backend).start();
    httpd.close();
    let client = httpd.client();
    for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Client-IP", "True-Client-IP"] {
        for value in ["10.1.2.3", "for=10.1.2.3", "10.1.2.3, 10.1.2.3"] {
            client.send(client.request("GET", "/").header(header, value)).assert_refused();
        }
    }
    assert_eq!(backend.received(), 0);
}

#[test]
fn own_addresses() {
    let httpd = Httpd::start("MaintenanceAllow 127.0.0.2 127.0.1.0/24");
    httpd.close();
    for (address, status) in
        [("127.0.0.1", 500), ("127.0.0.2", 200), ("127.0.0.20", 500), ("127.0.1.77", 200)]
    {
        assert_eq!(httpd.client_from(address).get("/").status, status, "{address}");
    }
}

#[test]
fn environment_variables() {
    let httpd = Setup::new(
        "SetEnvIf User-Agent ^probe/ IS_PROBE\nSetEnvIf X-Empty . EMPTY=\n\
         MaintenanceAllow env=IS_PROBE env=EMPTY",
    )
    .modules(&["setenvif"])
    .start();
    httpd.close();
    let client = httpd.client();
    for (header, value, status) in [
        ("User-Agent", "probe/1.0", 200),
        ("User-Agent", "a probe/1.0", 500),
        ("X-Empty", "x", 200), // set, though to nothing
        ("IS_PROBE", "1", 500),
    ] {
        let answer = client.send(client.request("GET", "/").header(header, value));
        assert_eq!(answer.status, status, "{header}: {value}");
    }
}

/// A variable that is set after the gate has decided is ignored: the decision fails closed.
#[test]
fn environment_variables_that_come_too_late() {
    for directives in [
        "SetEnv LATE 1",
        "PassEnv PATH\nSetEnv LATE 1",
        "RewriteEngine On\nRewriteRule . - [E=LATE:1]",
        "<Location />\nSetEnvIf Host . LATE\n</Location>",
    ] {
        let httpd = Setup::new("MaintenanceAllow env=LATE env=PATH")
            .modules(&["env", "rewrite", "setenvif"])
            .directives(directives)
            .start();
        httpd.close();
        httpd.client().get("/").assert_refused();
    }
}

#[test]
fn virtual_hosts_add_to_the_server_or_begin_anew() {
    let hosts = "MaintenanceAllow 127.0.0.2
        <VirtualHost *>\nServerName none-of-its-own\nDocumentRoot htdocs\n</VirtualHost>
        <VirtualHost *>\nServerName more\nMaintenanceAllow 127.0.0.3\n</VirtualHost>
        <VirtualHost *>\nServerName anew\nMaintenanceAllow none 127.0.0.3\n</VirtualHost>
        <VirtualHost *>\nServerName nobody\nMaintenanceAllow none\n</VirtualHost>
        <VirtualHost *>\nServerName off\nMaintenanceEngine Off\n</VirtualHost>";
    let httpd = Httpd::start(hosts);
    httpd.close();
    for (host, address, status) in [
        ("none-of-its-own", "127.0.0.2", 200),
        ("none-of-its-own", "127.0.0.3", 500),
        ("more", "127.0.0.2", 200),
        ("more", "127.0.0.3", 200),
        ("more", "127.0.0.4", 500),
        ("anew", "127.0.0.2", 500),
        ("anew", "127.0.0.3", 200),
        ("nobody", "127.0.0.2", 500),
        ("off", "127.0.0.4", 200),
    ] {
        let client = httpd.client_from(address);
        let answer = client.send(client.request("GET", "/").header("Host", host));
        assert_eq!(answer.status, status, "{host} {address}");
    }
}
