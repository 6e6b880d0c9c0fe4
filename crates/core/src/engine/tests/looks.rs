//! How many flags a request looks at: each of its flags once.

use super::*;
use crate::flag::look::count;

const BOTH: Option<&In> = Some(&In(&[1, 2]));

/// The flags of a server, of a virtual host in it, and of two locations in the host.
fn server() -> TestServer {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = crate::allow::invitations::SecretHash::of(b"anna").expect("a secret").to_hex();
    fs::write(folder.path().join("guests"), format!("anna {secret}\n")).expect("written");
    let lines =
        "MaintenanceFlag $/flag\nMaintenanceFlag $/host\nMaintenanceAllow 10.0.0.1 invite=$/guests";
    let sections = ["MaintenanceFlag $/blogs", "MaintenanceFlag $/wiki"];
    let server = FakeServer::new(folder, lines, &sections, Quiet);
    for flag in &server.flags {
        flag.look(Observer::Child, Timestamp::MIN, &Timestamp::now, &mut |_| ());
    }
    server
}

/// Until a flag has been unchanged for 0.3 s, its content is looked at again.
fn settle(server: &TestServer, sections: &[Option<&'static In>]) {
    std::thread::sleep(std::time::Duration::from_millis(400));
    let mut request = TestRequest::new(server, 9, "/");
    request.sections = sections.to_vec();
    ask(&mut request, Hook::Handler);
}

#[test]
fn each_flag_once() {
    type Sections<'s> = &'s [Option<&'static In>];
    let link = Some("maintenance-invite=anna");
    for (flags, sections, query, first, later) in [
        (&[][..], &[None][..] as Sections<'_>, None, 2, 2),
        (&[], &[BLOGS], None, 3, 3),
        (&[], &[BOTH], None, 4, 4),
        // The first request that finds a flag does not know yet what the flag is, and looks at that
        // one again.
        (&["flag"], &[BLOGS], None, 4, 3),
        (&["host"], &[BLOGS], None, 4, 3),
        (&["blogs"], &[BLOGS], None, 4, 3),
        (&["flag", "blogs"], &[BLOGS], None, 4, 3),
        (&["wiki"], &[BLOGS], None, 3, 3),
        (&["wiki"], &[BOTH], None, 5, 4),
        // A path with several readings is in several sections, which have two flags in common.
        (&[], &[BLOGS, WIKI], None, 4, 4),
        (&[], &[BLOGS, WIKI, None], None, 4, 4),
        (&["flag"], &[BLOGS, WIKI, None], None, 4, 4),
        (&["wiki"], &[BLOGS, WIKI, None], None, 4, 4),
        // A link is decided for, and then the request.
        (&[], &[BLOGS], link, 3, 3),
        (&["flag"], &[BLOGS], link, 3, 3),
        (&["flag"], &[BLOGS, WIKI], link, 4, 4),
        (&["flag"], &[BLOGS], Some("maintenance-invite=no"), 3, 3),
    ] {
        let server = server();
        flags.iter().for_each(|flag| server.close(flag));
        let case = format!("{flags:?} {query:?} in {} readings", sections.len());
        for (expected, is_first) in [(first, true), (later, false)] {
            if !is_first && !flags.is_empty() {
                settle(&server, sections);
            }
            let mut request = TestRequest::new(&server, 9, "/");
            request.sections = sections.to_vec();
            request.ahead = Some(sections.to_vec());
            request.query = query;
            count::take();
            let action = ask(&mut request, Hook::Quick);
            assert_eq!(count::take(), expected, "{case}: {action}");
            request.ahead = None;
            if action == "decline" {
                for hook in &ALL[1..] {
                    assert_eq!(ask(&mut request, *hook), "decline", "{case}");
                }
                assert_eq!(count::take(), 0, "{case}: the later hooks know");
            }
        }
    }
}
