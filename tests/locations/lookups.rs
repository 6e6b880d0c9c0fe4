//! What a page can reveal about a resource in a closed location without requesting it: the page's
//! generator looks it up and shows its size, its time, its name or its content.

use std::fs;

use super::{touch, with_pages};
use maintenance_harness::Setup;

const CLOSED: &str = "<Location /blogs>\nMaintenanceFlag blogs.flag\n</Location>\n
    <LocationMatch secret>\nMaintenanceFlag blogs.flag\n</LocationMatch>\n
    TypesConfig /dev/null\nAddType text/plain .txt\nAddType text/html .html\n
    AddHandler server-parsed .shtml\nOptions +Includes +Indexes +MultiViews\n
    <Location /list>\nDirectoryIndex disabled\nIndexOptions FancyIndexing\n</Location>\n";

/// The page, its content or requirements, and what it reveals while the location is open.
const PAGES: [(&str, &str, &str); 9] = [
    ("/size.shtml", "size=<!--#fsize virtual=\"/blogs/page.html\" -->", "size=  6"),
    ("/size-file.shtml", "size=<!--#fsize file=\"secret.html\" -->", "size=  7"),
    (
        "/time.shtml",
        "<!--#config timefmt=\"%Y\" -->year=<!--#flastmod virtual=\"/blogs/page.html\" -->",
        "year=20",
    ),
    ("/nested.shtml", "<!--#include virtual=\"/size.shtml\" -->", "size=  6"),
    ("/list/", "", "secret.html"),
    ("/list/", "", "secret-folder"),
    ("/list/", "HeaderName /blogs/note.txt\n", "a note on blogs"),
    ("/list/", "ReadmeName /blogs/note.txt\n", "a note on blogs"),
    ("/list/", "IndexOptions +ScanHTMLTitles\n", "the secret title"),
];

fn setup(directives: &str) -> Setup {
    let modules = &["include", "mime", "autoindex", "negotiation"];
    let lines = format!("{CLOSED}<Location /list>\n{directives}\n</Location>");
    let setup = with_pages(Setup::new(&lines).modules(modules), &["blogs", "list"]);
    fs::remove_file(setup.path("htdocs/list/index.html")).expect("it was there");
    fs::create_dir(setup.path("htdocs/list/secret-folder")).expect("a folder");
    setup.write("htdocs/blogs/note.txt", "a note on blogs\n");
    setup.write("htdocs/secret.html", "secret\n");
    setup.write("htdocs/list/secret.html", "<title>the secret title</title>\n");
    setup
}

#[test]
fn nothing_is_told() {
    for (page, content, told) in PAGES {
        let is_list = page == "/list/";
        let setup = setup(if is_list { content } else { "" });
        for (name, content, _) in PAGES.iter().filter(|(name, ..)| name.ends_with(".shtml")) {
            setup.write(&format!("htdocs{name}"), content);
        }
        let mut httpd = setup.start();
        httpd.allow_log("include:error"); // mod_include says what it has not got
        let name = format!("{page} {content}");
        let client = httpd.client();
        let open = client.get(page);
        assert!(open.status == 200 && open.body.contains(told), "{name}: {open:?}");
        touch(&httpd, "blogs.flag");
        let closed = client.get(page);
        assert_eq!(closed.status, 200, "{name}: {closed:?}");
        assert!(!closed.body.contains(told), "{name}: {closed:?}");
        match is_list {
            true => assert!(closed.body.contains("page.html"), "{name}: {closed:?}"),
            false => assert!(closed.body.contains("an error occurred"), "{name}: {closed:?}"),
        }
        fs::remove_file(httpd.path("blogs.flag")).expect("the flag was there");
        assert_eq!(client.get(page).body, open.body, "{name}");
    }
}

/// mod_include may parse the maintenance page as well.
#[test]
fn nothing_is_told_by_the_page_itself() {
    let lines = "MaintenancePage page.html\nOptions +Includes\nSetOutputFilter INCLUDES";
    let setup = with_pages(Setup::new(lines).modules(&["include"]), &["blogs"]);
    let size = "size=<!--#fsize virtual=\"/blogs/page.html\" -->";
    setup.write("page.html", format!("{size}{}", " ".repeat(600)));
    setup.write("htdocs/page.html", size);
    let mut httpd = setup.start();
    httpd.allow_log("include:error");
    let open = httpd.client().get("/page.html").body;
    assert!(open.contains("size=  6"), "{open}");
    httpd.close();
    let closed = httpd.client().get("/page.html");
    assert_eq!(closed.status, 500);
    assert!(closed.body.contains("size=[an error occurred"), "{closed:?}");
}

/// Resources looked up by mod_dir and mod_negotiation are served through a handler, so the client
/// gets the maintenance page.
#[test]
fn a_whole_page_is_no_bare_error() {
    let setup = setup("");
    setup.write("htdocs/choice.var", "URI: blogs/page.html\nContent-Type: text/html\n\n");
    let lines = "<Directory \"${ROOT}/htdocs/folder\">\nDirectoryIndex none /blogs/page.html\n
        </Directory>\nAddHandler type-map .var";
    fs::create_dir(setup.path("htdocs/folder")).expect("a folder");
    let httpd = setup.directives(lines).start();
    let targets = ["/blogs/", "/blogs/page", "/folder/", "/choice.var", "/secret", "/list/secret"];
    let client = httpd.client();
    for target in targets {
        assert_eq!(client.get(target).status, 200, "{target}");
    }
    touch(&httpd, "blogs.flag");
    for target in targets {
        client.get(target).assert_refused();
    }
}
