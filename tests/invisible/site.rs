//! The site that both servers of a comparison have, and the servers.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use maintenance_harness::{Backend, Httpd, Mpm, Setup, set_mode};

/// httpd's own modules that process the requests.
const MODULES: &[&str] = &[
    "actions",
    "alias",
    "allowmethods",
    "asis",
    "auth_basic",
    "authn_core",
    "authn_file",
    "authz_host",
    "authz_user",
    "autoindex",
    "brotli",
    "cache",
    "cache_disk",
    "cgi",
    "dav",
    "dav_fs",
    "env",
    "filter",
    "deflate",
    "headers",
    "include",
    "mime",
    "negotiation",
    "proxy",
    "proxy_http",
    "remoteip",
    "reqtimeout",
    "rewrite",
    "setenvif",
];

/// Messages of httpd itself for the requests of the table.
const LOGGED: &[&str] = &[
    "AH00132|AH01623|AH01630", // a file that may not be read, a method, a client that is denied
    "AH01617",                 // a wrong password
    "AH00135|AH10244",         // no such method, no such path
    "AH00690",                 // no variant of a document suits
    "AH00957|AH01114",         // the backend that is not there
    "AH02811|End of script output before headers", // scripts that are not there, or broken
    "write \"CacheQuickHandler off\"", // the module's own advice, for a location with a flag
    "AH01225",                 // a script is the ErrorDocument of a request that ends too early
];

/// Prints what a script knows about its request and its process. Values that differ by nature are
/// padded to one length, so that Content-Length does not depend on them, and process numbers are
/// omitted. The script sends a Content-Length, because otherwise httpd sends as many chunks as it
/// happens to read.
const ENV: &str = r#"#!/bin/sh
body=$(env | sort | sed -E '/H2_STREAM_TAG=/d
    /(SERVER_ADDR|REMOTE_PORT)=/{ s/$/              /; s/=(.{15}).*/=\1/; }'
    umask; echo $(ls /proc/self/fd); grep '^Sig[BIC]' /proc/self/status)
printf 'Content-Type: text/plain\nContent-Length: %d\n\n%s' ${#body} "$body"
"#;

const SCRIPTS: &[(&str, &str)] = &[
    ("env", ENV),
    (
        "echo",
        "#!/bin/sh\nbody=$(cat)\n\
         printf 'Content-Type: text/plain\\nContent-Length: %d\\n\\n%s\\n' $((${#body} + 1)) \"$body\"\n",
    ),
    ("local", "#!/bin/sh\nprintf 'Location: /cgi/env/local?by=script\\n\\n'\n"),
    ("away", "#!/bin/sh\nprintf 'Location: http://elsewhere.test/\\n\\n'\n"),
    ("status", "#!/bin/sh\nprintf 'Status: 418 Teapot\\nX-By: script\\nContent-Length: 0\\n\\n'\n"),
    ("nph-raw", "#!/bin/sh\nprintf 'HTTP/1.0 203 Raw\\r\\nX-By: script\\r\\n\\r\\nraw\\n'\n"),
    ("broken", "#!/bin/sh\nexit 1\n"),
];

const FILES: &[(&str, &str)] = &[
    ("index.html", "<title>the index</title>\n"),
    ("folder/index.html", "<title>a folder's index</title>\n"),
    ("folder/below/index.html", "<title>a folder below</title>\n"),
    ("scripted/.htaccess", "DirectoryIndex missing.html /cgi/env\n"),
    ("list/a.txt", "a\n"),
    ("list/b.html", "<title>b</title>\n"),
    ("list/folder/c.txt", "c\n"),
    ("multi/doc.html.en", "<title>hello</title>\n"),
    ("multi/doc.html.de", "<title>hallo</title>\n"),
    ("multi/doc.txt.en", "hello\n"),
    ("multi/doc.png.en", "not really\n"),
    (
        "map.var",
        "URI: multi/doc.html.en\nContent-Type: text/html\nContent-Language: en\n\n\
         URI: multi/doc.html.de\nContent-Type: text/html\nContent-Language: de\n\n",
    ),
    ("asis/answer", "Status: 234 As It Is\nX-By: file\nContent-Type: text/plain\n\nas it is\n"),
    ("secret/page.html", "<title>secret</title>\n"),
    ("denied/page.html", "<title>denied</title>\n"),
    ("denied/elsewhere/page.html", "<title>for some</title>\n"),
    (
        "rules/.htaccess",
        "RewriteEngine On\nRewriteBase /rules/\nRewriteRule ^to-page /page.html [L]\nRewriteRule ^go target [R,L]\nSetEnv BY htaccess\n",
    ),
    // `anna`, `open sesame`.
    ("users", "anna:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=\n"),
    ("part.html", "<p>a part</p>\n"),
    (
        "ssi.shtml",
        "<!--#set var=\"here\" value=\"set\" --><!--#echo var=\"here\" -->\n\
         <!--#include virtual=\"/part.html\" -->\n<!--#include virtual=\"/ssi-inner.shtml?x=y\" -->\n\
         <!--#include virtual=\"/rules/to-page\" -->\n<!--#include virtual=\"/folder/\" -->\n\
         <!--#fsize virtual=\"/page.html\" --> <!--#flastmod virtual=\"/part.html\" -->\n\
         <!--#if expr=\"-A '/denied/page.html'\" -->may<!--#else -->may not<!--#endif -->\n\
         <!--#echo var=\"MAINTENANCE\" --> <!--#echo var=\"REMOTE_ADDR\" -->\n",
    ),
    (
        "ssi-inner.shtml",
        "<!--#echo var=\"QUERY_STRING\" --> <!--#echo var=\"DOCUMENT_URI\" --> \
         <!--#echo var=\"MAINTENANCE\" -->\n",
    ),
    (
        "ssi-script.shtml",
        "<!--#include virtual=\"/cgi/env?from=page\" -->\n<!--#exec cgi=\"/cgi/env\" -->\n\
         <!--#exec cmd=\"echo by a shell; env | grep -c .\" -->\n",
    ),
];

/// A folder with the site's content.
fn content() -> TempDir {
    let site = tempfile::Builder::new().prefix("maintenance-site-").tempdir().expect("a folder");
    // Readable for the children's user.
    set_mode(site.path(), 0o755);
    let write = |name: &str, content: &str| {
        let path = site.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect(name);
        fs::write(&path, content).expect(name);
        path
    };
    for (name, content) in FILES {
        write(name, content);
    }
    for (name, content) in SCRIPTS {
        set_mode(&write(&format!("cgi/{name}"), content), 0o755);
    }
    let lines = |count| (0..count).map(|line| format!("<p>line {line}</p>\n")).collect::<String>();
    write("page.html", &lines(400));
    write("big.txt", &lines(30_000)); // more than one buffer of httpd's
    let unreadable = write("unreadable.html", "x");
    age(site.path());
    set_mode(&unreadable, 0o000);
    site
}

/// Sets old times for a folder and its content: the ETag of a new file is weak, and the two servers
/// are asked one after the other.
fn age(path: &Path) {
    if path.is_dir() {
        fs::read_dir(path)
            .expect("a folder")
            .for_each(|entry| age(&entry.expect("an entry").path()));
    }
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::File::open(path).and_then(|file| file.set_modified(time)).expect("a time");
}

/// The directives that only one of the servers has.
#[derive(Clone, Copy, Default)]
pub struct Own<'a> {
    pub before: &'a str,
    pub server: &'a str,
    pub host: &'a str,
}

/// Without the module.
pub const WITHOUT: Own = Own { before: "Define WITHOUT_MODULE", server: "", host: "" };

/// Two servers with the same site.
pub struct Pair {
    pub reference: Httpd,
    pub other: Httpd,
    _backend: Backend,
    _site: TempDir,
}

impl Pair {
    #[track_caller]
    pub fn start(mpm: Mpm, reference: Own, other: Own) -> Self {
        let (site, backend) = (content(), Backend::start());
        let [reference, other] =
            [reference, other].map(|own| start(mpm, site.path(), &backend, own));
        Self { reference, other, _backend: backend, _site: site }
    }
}

fn start(mpm: Mpm, site: &Path, backend: &Backend, own: Own) -> Httpd {
    let common = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invisible/site.conf");
    let setup = Setup::new(&format!("Include \"{}\"", common.display()))
        .mpm(mpm)
        .modules(MODULES)
        .before(&format!(
            "Define SITE \"{}\"\nDefine BACKEND {}\n{}",
            site.display(),
            backend.address,
            own.before
        ));
    setup.write("conf/server.conf", own.server);
    setup.write("conf/host.conf", own.host);
    setup.write("conf/page.html", maintenance_harness::PAGE);
    setup.write("conf/allow.txt", "192.0.2.0/28\n");
    for folder in ["cache", "dav"] {
        fs::create_dir(setup.path(folder)).expect(folder);
        set_mode(&setup.path(folder), 0o777); // the children write to these
    }
    set_mode(&setup.write("dav/file.txt", "a file\n"), 0o666);
    let mut httpd = setup.start();
    LOGGED.iter().for_each(|pattern| httpd.allow_log(pattern));
    httpd
}
