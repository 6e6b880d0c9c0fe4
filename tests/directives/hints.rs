//! The suggestions of `httpd -t`, if what was meant can be guessed.

use maintenance_harness::Setup;

/// What was probably meant in each place for an address: the directive, an allow file, and the
/// flag. The unit tests have more cases.
#[test]
fn what_to_write_instead() {
    let cases: &[(&str, &str)] = &[
        ("MaintenanceAllow 10.0.0.1,10.0.0.2", "; separate addresses by blanks, not by commas"),
        ("MaintenanceAllow 10.0.0.1, 10.0.0.2", "; write 10.0.0.1"),
        ("MaintenanceAllow 10.0.0.0-10.0.0.255", "; write 10.0.0.0/24"),
        ("MaintenanceAllow 10.0.0.1 - 10.0.0.9", "; write a range as networks (10.0.0.0/28)"),
        ("MaintenanceAllow 10.1.2.*", "; write 10.1.2.0/24"),
        ("MaintenanceAllow 10.1.2.3:8080", "; write 10.1.2.3, without the port"),
        ("MaintenanceAllow node1:9080", "; write host=node1, without the port"),
        ("MaintenanceAllow [::1]:80", "; write ::1, without the port"),
        ("MaintenanceAllow fe80::1%eth0", "; write fe80::1, without the zone"),
        ("MaintenanceAllow All", "; to admit everybody, write MaintenanceEngine Off"),
        ("MaintenanceAllow ANY", "; to admit everybody, write MaintenanceEngine Off"),
        ("MaintenanceAllow *", "; to admit everybody, write MaintenanceEngine Off"),
        ("MaintenanceAllow None", "; write none"),
        ("MaintenanceAllow 10.0.0.0 255.255.0.0", "\"255.255.0.0\" is a netmask; write it behind"),
        ("MaintenanceAllow 10/8", "; write 10.0.0.0/8"),
        ("MaintenanceAllow Require ip 10.0.0.1", "unlike Allow and Require"),
        ("MaintenanceAllow ENV=X", "; write env=X"),
        ("MaintenanceAllow ip=10.0.0.1", "; write 10.0.0.1"),
        ("MaintenanceAllow path=\"/my assets\"", "quotes around the whole word: \"path=...\""),
        ("MaintenanceAllow expr=\"true\"", "quotes around the whole word: \"expr=...\""),
        ("MaintenanceAllow \"path=/my assets\"", "contains a blank"),
        ("MaintenanceAllow path=/static/*", "contains *; write path=/static/, which covers"),
        ("MaintenanceAllow path=/static*", "contains *; "),
        ("MaintenanceAllow path=/*.css", "contains *; "),
        ("MaintenanceAllow path=/a[0-9]", "contains [; "),
        ("MaintenanceAllow path=/{a,b}", "contains {; "),
        ("MaintenanceAllow path=/(a|b)", "contains |; "),
        ("MaintenanceAllow path=/a.+", "contains .+; "),
        ("MaintenanceAllow path=/a$", "contains $; "),
        ("MaintenanceAllow path=^/a", "does not begin with /"),
        ("MaintenanceAllow path=http://localhost/a/b", "; write path=/a/b"),
        ("MaintenanceAllow env=!X", "; write \"expr=-z reqenv('X')\""),
        ("MaintenanceAllow env=X=1", "; write \"expr=reqenv('X') == '1'\""),
        ("MaintenanceAllow env=%{X}e", "; write env=X"),
        ("MaintenanceAllow env=X,Y", "\"env=X,Y\" does not name an environment variable"),
        ("MaintenanceAllow host=node1:8080", "; write host=node1"),
        (
            "MaintenanceAllow host=*.example.com",
            "; write the addresses; names with * do not resolve",
        ),
        ("MaintenanceAllow host=a,b", "; write host= before each name"),
        ("MaintenanceFlag off", "\"off\" is not a path; write MaintenanceEngine Off, or ./off"),
        ("MaintenanceFlag On", "\"On\" is not a path; write MaintenanceEngine On, or ./On"),
        ("MaintenanceFlag none", "\"none\" is not a path; write MaintenanceEngine Off, or ./none"),
        ("MaintenanceFlag *.flag", "contains *; write the name of one file"),
        ("MaintenanceFlag a.flag, b.flag", "ends with a comma; separate paths by blanks"),
        ("MaintenancePage page.html.deutsch", "is not a language; write de"),
        ("MaintenanceAllow file=mask", "line 2: \"255.255.0.0\" is a netmask; write 10.0.0.0/16"),
        (
            "MaintenanceAllow file=name",
            "line 1: \"node1\" is neither an address nor a network; write host=node1 in MaintenanceAllow",
        ),
        (
            "MaintenanceAllow file=token",
            "line 1: \"host=node1\" is neither an address nor a network; write it in MaintenanceAllow",
        ),
        (
            "MaintenanceAllow file=two",
            "line 1: \"10.0.0.2\" is a second entry; write one on each line",
        ),
        (
            "MaintenanceAllow file=commas",
            "line 1: \"10.0.0.1,10.0.0.2\" is neither an address nor a network; write one on each line",
        ),
        ("MaintenanceAllow file=utf16", "utf16\" is UTF-16; save it as UTF-8"),
    ];
    let mut setup = Setup::new("");
    setup.write("page.html.deutsch", "<p>x");
    setup.write("mask", "10.1.2.3\n10.0.0.0 255.255.0.0\n");
    setup.write("name", "node1\n");
    setup.write("token", "host=node1\n");
    setup.write("two", "10.0.0.1 10.0.0.2\n");
    setup.write("commas", "10.0.0.1,10.0.0.2\n");
    let utf16: Vec<u8> = "10.0.0.1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    setup.write("utf16", utf16);
    for (line, advice) in cases {
        let (good, said) = setup.test_lines(line);
        assert!(!good, "{line} was accepted");
        assert!(said.contains(advice), "{line}: {said}");
        assert!(!said.contains("usage:"), "{line}: {said}");
    }
}
