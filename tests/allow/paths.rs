//! `path=`: the scope of an admission by path.

use std::fs;

use maintenance_harness::{Httpd, Setup, set_mode};

/// A request to an exempt path that another module rewrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Refused,
    /// The status of the answer and its content.
    Answered(u16, &'static str),
}

use Fate::{Answered, Refused};

struct Way {
    modules: &'static [&'static str],
    /// Directives of the server, and those of the folder of the path.
    server: &'static str,
    folder: &'static str,
    path: &'static str,
    fate: Fate,
}

const WAY: Way = Way { modules: &[], server: "", folder: "", path: "/healthz/x", fate: Refused };

const NONE: &str = "/healthz/none?action=delete";

const PAGE: Fate = Answered(200, "page\n");

const WAYS: [Way; 27] = [
    Way { folder: "FallbackResource /app.html", path: NONE, fate: Refused, ..WAY },
    Way { folder: "FallbackResource /healthz/page.html", path: NONE, fate: PAGE, ..WAY },
    Way { server: "ErrorDocument 404 /app.html", path: NONE, fate: Refused, ..WAY },
    Way {
        server: "ErrorDocument 404 /healthz/page.html",
        path: NONE,
        fate: Answered(404, "page\n"),
        ..WAY
    },
    Way { server: "ErrorDocument 404 \"none\"", path: NONE, fate: Answered(404, "none"), ..WAY },
    Way {
        modules: &["rewrite"],
        server: "RewriteEngine On\nRewriteRule ^/healthz/x$ /app.html [PT]",
        fate: Refused,
        ..WAY
    },
    Way {
        modules: &["rewrite"],
        server: "RewriteEngine On\nRewriteRule ^/healthz/x$ /healthz/page.html [PT]",
        fate: PAGE,
        ..WAY
    },
    // The result of this rewrite cannot be predicted.
    Way {
        modules: &["rewrite"],
        server: "RewriteEngine On\nRewriteRule ^/healthz/x$ /healthz/../app.html [PT]",
        fate: Refused,
        ..WAY
    },
    // Only the file has changed, not the path.
    Way {
        modules: &["rewrite"],
        server: "RewriteEngine On\nRewriteRule ^/healthz/x$ \"${ROOT}/htdocs/app.html\"",
        fate: Refused,
        ..WAY
    },
    Way {
        modules: &["rewrite"],
        server: "RewriteEngine On\nRewriteCond %{DOCUMENT_ROOT}%{REQUEST_URI} !-f\n\
                 RewriteRule ^ /app.html [L]",
        path: NONE,
        fate: Refused,
        ..WAY
    },
    Way {
        modules: &["rewrite"],
        server: "RewriteEngine On\nRewriteCond %{DOCUMENT_ROOT}%{REQUEST_URI} !-f\n\
                 RewriteRule ^ /app.html [L]",
        path: "/healthz/page.html",
        fate: PAGE,
        ..WAY
    },
    Way {
        modules: &["rewrite"],
        server: "RewriteEngine On\nRewriteRule ^/healthz/x$ /healthz/page.html",
        fate: PAGE,
        ..WAY
    },
    Way {
        modules: &["rewrite"],
        server: "RewriteEngine On\nRewriteRule .* - [E=seen:1]",
        path: "/healthz/page.html",
        fate: PAGE,
        ..WAY
    },
    Way {
        modules: &["alias"],
        server: "Alias /healthz/x \"${ROOT}/htdocs/app.html\"",
        fate: Answered(200, "app\n"),
        ..WAY
    },
    Way {
        modules: &["rewrite"],
        folder: "RewriteEngine On\nRewriteRule ^x$ /app.html",
        fate: Refused,
        ..WAY
    },
    Way {
        modules: &["rewrite"],
        folder: "RewriteEngine On\nRewriteRule ^x$ /healthz/page.html",
        fate: PAGE,
        ..WAY
    },
    Way { folder: "DirectoryIndex /app.html", path: "/healthz/", fate: Refused, ..WAY },
    Way { folder: "DirectoryIndex none page.html", path: "/healthz/", fate: PAGE, ..WAY },
    Way {
        modules: &["actions", "mime"],
        server: "TypesConfig /dev/null\nAction see /app.html virtual
            <Directory \"${ROOT}/htdocs\">\nAcceptPathInfo On\n</Directory>",
        folder: "AddHandler see .see",
        path: "/healthz/page.see",
        fate: Refused,
    },
    Way {
        modules: &["negotiation", "mime"],
        server: "TypesConfig /dev/null",
        folder: "AddHandler type-map .var",
        path: "/healthz/choice.var",
        fate: Refused,
    },
    Way {
        modules: &["negotiation", "mime"],
        server: "TypesConfig /dev/null\nAddType text/html .html",
        folder: "Options +MultiViews",
        path: "/healthz/page",
        fate: PAGE,
    },
    Way {
        modules: &["include", "mime"],
        server: "TypesConfig /dev/null",
        folder: "Options +Includes\nAddHandler server-parsed .shtml",
        path: "/healthz/into.shtml",
        fate: Answered(200, "an error occurred"),
    },
    Way {
        modules: &["include", "mime"],
        server: "TypesConfig /dev/null",
        folder: "Options +Includes\nAddHandler server-parsed .shtml",
        path: "/healthz/within.shtml",
        fate: Answered(200, "page\npage\n"),
    },
    Way {
        modules: &["cgid"],
        server: "ScriptSock cgisock",
        folder: "Options +ExecCGI\nSetHandler cgi-script",
        path: "/healthz/see",
        fate: Refused,
    },
    Way {
        modules: &["speling"],
        folder: "CheckSpelling On",
        path: "/healthz/page.html",
        fate: PAGE,
        ..WAY
    },
    Way { path: "/healthz/page.html", fate: PAGE, ..WAY },
    Way { path: "/app.html", fate: Refused, ..WAY },
];

impl Way {
    fn start(&self) -> Httpd {
        let lines = format!(
            "MaintenanceAllow path=/healthz 127.0.0.2\n{}\n\
             <Directory \"${{ROOT}}/htdocs/healthz\">\n{}\n</Directory>",
            self.server, self.folder
        );
        let setup = Setup::new(&lines).modules(self.modules);
        fs::create_dir(setup.path("htdocs/healthz")).expect("a folder");
        for (name, content) in [
            ("app.html", "app\n"),
            ("healthz/page.html", "page\n"),
            ("healthz/page.see", ""),
            ("healthz/choice.var", "URI: ../app.html\nContent-Type: text/html\n\n"),
            ("healthz/into.shtml", "<!--#include virtual=\"/app.html\" -->"),
            (
                "healthz/within.shtml",
                "<!--#include virtual=\"/healthz/page.html\" --><!--#include file=\"page.html\" -->",
            ),
        ] {
            setup.write(&format!("htdocs/{name}"), content);
        }
        let script =
            setup.write("htdocs/healthz/see", "#!/bin/sh\necho Location: /app.html\necho\n");
        set_mode(&script, 0o755);
        setup.start()
    }
}

/// The admission ends when the request is rewritten to a path that is not exempt. An admission by
/// address does not end.
#[test]
fn an_exempt_path_admits_to_exempt_paths() {
    for way in WAYS {
        let mut httpd = way.start();
        httpd.allow_log("include:error"); // mod_include says which part it has not got
        let name = format!("{} with {}{}", way.path, way.server, way.folder);
        httpd.close();
        let send = |address: &str, method: &str| {
            let client = httpd.client_from(address);
            client.send(client.request(method, way.path))
        };
        let answer = send("127.0.0.1", "GET");
        match way.fate {
            Refused => {
                answer.assert_refused();
                send("127.0.0.1", "POST").assert_refused();
            }
            Answered(status, body) => {
                assert_eq!(answer.status, status, "{name}: {answer:?}");
                assert!(answer.body.contains(body), "{name}: {answer:?}");
            }
        }
        let answer = send("127.0.0.2", "GET");
        assert!([200, 404].contains(&answer.status), "{name}: {answer:?}");
        let mut notes: Vec<_> = httpd.access_log(2);
        notes.retain(|line| line.starts_with("127.0.0.1 ") && line.contains("\"GET "));
        let expected =
            if way.fate == Refused { "blocked blocked" } else { "allowed:path allowed:path" };
        assert!(notes[0].contains(expected), "{name}: {notes:?}");
    }
}
