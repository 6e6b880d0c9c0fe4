//! Requests that enter a closed location in another way than by their own path.

use std::fs;

use super::{touch, with_pages};
use maintenance_harness::{Backend, Client, Httpd, Setup, client::Protocol};

const CLOSED: &str = "<Location /blogs>\nMaintenanceFlag blogs.flag\n</Location>\n";

/// A path outside the closed location through which its content can be reached while it is open.
struct Way {
    modules: &'static [&'static str],
    directives: &'static str,
    method: &'static str,
    path: &'static str,
}

const WAYS: [Way; 16] = [
    Way {
        modules: &["rewrite"],
        directives: "RewriteEngine On\nRewriteRule ^/news$ /blogs/page.html [PT]",
        method: "GET",
        path: "/news",
    },
    Way {
        modules: &["rewrite"],
        directives: "<Directory \"${ROOT}/htdocs/other\">\nRewriteEngine On\n
            RewriteRule ^page.html$ /blogs/page.html\n</Directory>",
        method: "GET",
        path: "/other/page.html",
    },
    Way {
        modules: &["rewrite"],
        directives: "RewriteEngine On\nRewriteRule ^/news$ /blogs/page.html [PT]",
        method: "POST",
        path: "/news",
    },
    Way {
        modules: &[],
        directives: "<Directory \"${ROOT}/htdocs/other\">\n
            DirectoryIndex /blogs/page.html\n</Directory>",
        method: "GET",
        path: "/other/",
    },
    Way {
        modules: &[],
        directives: "<Directory \"${ROOT}/htdocs/other\">\n
            DirectoryIndex missing.html /blogs/page.html\n</Directory>",
        method: "HEAD",
        path: "/other/",
    },
    Way {
        modules: &[],
        directives: "<Directory \"${ROOT}/htdocs\">\nFallbackResource /blogs/page.html\n</Directory>",
        method: "GET",
        path: "/no/such/path",
    },
    Way {
        modules: &[],
        directives: "ErrorDocument 404 /blogs/page.html",
        method: "GET",
        path: "/no/such/path",
    },
    Way {
        modules: &["alias"],
        directives: "Redirect 410 /gone\nErrorDocument 410 /blogs/page.html",
        method: "GET",
        path: "/gone",
    },
    Way {
        modules: &["auth_basic", "authn_core", "authz_user"],
        directives:
            "<Location /private>\nAuthType Basic\nAuthName x\nRequire valid-user\n</Location>
            ErrorDocument 401 /blogs/page.html",
        method: "GET",
        path: "/private",
    },
    Way {
        modules: &["actions", "mime"],
        directives: "TypesConfig /dev/null\n<Directory \"${ROOT}/htdocs/blogs\">\nAcceptPathInfo On\n</Directory>\nAddHandler see .see\nAction see /blogs/page.html virtual",
        method: "GET",
        path: "/other/page.see",
    },
    Way {
        modules: &["negotiation", "mime"],
        directives: "TypesConfig /dev/null\n<Directory \"${ROOT}/htdocs\">\nAddHandler type-map .var\n</Directory>",
        method: "GET",
        path: "/choice.var",
    },
    Way {
        modules: &["include", "mime"],
        directives: "TypesConfig /dev/null\nAddHandler server-parsed .shtml\nOptions +Includes",
        method: "GET",
        path: "/virtual.shtml",
    },
    // A file in another folder is not a request to a location; one beside the page is.
    Way {
        modules: &["include", "mime"],
        directives: "TypesConfig /dev/null\nAddHandler server-parsed .shtml\nOptions +Includes
            <LocationMatch \"page\\.html$\">\nMaintenanceFlag blogs.flag\n</LocationMatch>",
        method: "GET",
        path: "/blogs.shtml",
    },
    Way {
        modules: &["include", "mime"],
        directives: "TypesConfig /dev/null\nAddHandler server-parsed .shtml\nOptions +Includes",
        method: "GET",
        path: "/nested.shtml",
    },
    Way {
        modules: &["cgid"],
        directives: "ScriptSock cgisock\n<Location /see>\nSetHandler cgi-script\nOptions +ExecCGI\n</Location>",
        method: "GET",
        path: "/see",
    },
    Way {
        modules: &["speling"],
        directives: "<Directory \"${ROOT}/htdocs\">\nCheckSpelling On\n</Directory>
            <LocationMatch \"page\\.html$\">\nMaintenanceFlag blogs.flag\n</LocationMatch>",
        method: "GET",
        path: "/other/page.html",
    },
];

impl Way {
    fn start(&self) -> Httpd {
        let setup = Setup::new(&format!("{CLOSED}{}", self.directives)).modules(self.modules);
        let setup = with_pages(setup, &["blogs", "other"]);
        setup.write("htdocs/virtual.shtml", "<!--#include virtual=\"/blogs/page.html\" -->");
        setup.write("htdocs/blogs.shtml", "<!--#include file=\"page.html\" -->");
        setup.write("htdocs/page.html", "blogs\n");
        setup.write("htdocs/nested.shtml", "<!--#include virtual=\"/virtual.shtml\" -->");
        setup.write("htdocs/other/page.see", "");
        setup.write("htdocs/choice.var", "URI: blogs/page.html\nContent-Type: text/html\n\n");
        let script =
            setup.write("htdocs/see", "#!/bin/sh\necho Location: /blogs/page.html\necho\n");
        maintenance_harness::set_mode(&script, 0o755);
        setup.start()
    }
}

#[test]
fn none_leads_into_a_closed_location() {
    for way in WAYS {
        let mut httpd = way.start();
        httpd.allow_log("include:error"); // mod_include says which part it has not got
        let client = httpd.client();
        let name = format!("{} {} with {}", way.method, way.path, way.directives);
        let send = || client.send(client.request(way.method, way.path));
        let open = send();
        let length = open.header("content-length").map(str::to_owned);
        match way.method {
            "HEAD" => assert_eq!((open.status, length.as_deref()), (200, Some("6")), "{name}"),
            _ => {
                assert!(open.body.contains("blogs\n") || open.body == "other\n", "{name}: {open:?}")
            }
        }
        touch(&httpd, "blogs.flag");
        let closed = send();
        assert!(!closed.body.contains("blogs\n"), "{name}: {closed:?}");
        let is_part = way.path.ends_with(".shtml");
        if is_part {
            assert_eq!(closed.status, 200, "{name}");
            assert!(closed.body.contains("an error occurred"), "{name}: {closed:?}");
        } else if way.method == "HEAD" {
            assert_eq!(closed.status, 500, "{name}");
            assert_eq!(closed.header("cache-control"), Some("no-store"), "{name}");
        } else {
            closed.assert_refused();
            for other in ["www-authenticate", "location", "tcn", "content-location"] {
                assert_eq!(closed.header(other), None, "{name}");
            }
        }
        fs::remove_file(httpd.path("blogs.flag")).expect("the flag was there");
        assert_eq!(send().body, open.body, "{name}");
    }
}

/// mod_dav acts on looked-up resources, without a handler.
#[test]
fn webdav() {
    let setup = Setup::new(&format!(
        "{CLOSED}DAVLockDB davlock\n<Directory \"${{ROOT}}/htdocs\">\nDAV On\n</Directory>"
    ));
    let setup = with_pages(setup.modules(&["dav", "dav_fs"]), &["blogs", "other"]);
    for folder in [".", "htdocs", "htdocs/blogs", "htdocs/other"] {
        maintenance_harness::set_mode(&setup.path(folder), 0o777);
    }
    let mut httpd = setup.start();
    httpd.allow_log("dav:error|maintenance:warn.*is world-writable");
    let client = httpd.client();
    let send = |method: &str, path: &str, destination: &str| {
        let to = format!("{}{destination}", httpd.url());
        client.send(client.request(method, path).header("Destination", to)).status
    };
    assert_eq!(send("COPY", "/other/page.html", "/blogs/copy.html"), 201, "open");
    touch(&httpd, "blogs.flag");
    for (method, path, destination) in [
        ("COPY", "/other/page.html", "/blogs/closed.html"),
        ("MOVE", "/other/page.html", "/blogs/closed.html"),
        ("COPY", "/blogs/page.html", "/other/closed.html"),
        ("MOVE", "/blogs/page.html", "/other/closed.html"),
        ("PUT", "/blogs/closed.html", ""),
        ("MKCOL", "/blogs/closed", ""),
        ("DELETE", "/blogs/page.html", ""),
    ] {
        let status = send(method, path, destination);
        assert!(status >= 500, "{method} {path} {destination}: {status}");
    }
    let count = |folder: &str| fs::read_dir(httpd.path(folder)).expect("a folder").count();
    assert_eq!((count("htdocs/blogs"), count("htdocs/other")), (3, 2));
    assert_eq!(send("COPY", "/other/page.html", "/other/copy.html"), 201, "not into it");
}

/// A request admitted before the flag appeared is answered completely, and HTTP/2 streams of one
/// connection are decided individually.
#[test]
fn streams_of_one_connection() {
    let backend = Backend::start();
    let setup = Setup::new(&format!("{CLOSED}Protocols h2c http/1.1")).modules(&["http2"]);
    let httpd = setup.proxy_to(&backend).start();
    let client = Client::build(&httpd.url(), Protocol::Http2, None, true);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| client.get("/blogs/../slow/1000"));
        let late = scope.spawn(|| client.get("/slow/1000"));
        std::thread::sleep(std::time::Duration::from_millis(300));
        touch(&httpd, "blogs.flag");
        client.get("/blogs/").assert_refused();
        assert_eq!(client.get("/other").status, 200);
        assert_eq!(slow.join().expect("answered").status, 200);
        assert_eq!(late.join().expect("answered").status, 200);
    });
}
