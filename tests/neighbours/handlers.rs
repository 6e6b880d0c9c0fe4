//! Modules that generate answers.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use super::{ask, get, round, round_counting};
use maintenance_harness::{Backend, Httpd, Mpm, Setup, set_mode};

/// A folder that httpd's children may change.
fn open_folder(setup: &Setup, name: &str) {
    fs::create_dir(setup.path(name)).expect("a folder");
    set_mode(&setup.path(name), 0o777);
}

/// Each run of the script appends a line to the file `runs`.
fn count_runs(httpd: &Httpd) -> usize {
    fs::read_to_string(httpd.path("runs/list")).expect("the list").lines().count()
}

fn scripts(mpm: Mpm, module: &'static str) {
    let setup = Setup::new("ScriptAlias /cgi/ \"${ROOT}/cgi/\"").mpm(mpm);
    let setup = match module {
        "cgid" => setup.directives("ScriptSock cgisock"),
        _ => setup,
    };
    open_folder(&setup, "runs");
    fs::create_dir(setup.path("cgi")).expect("a folder");
    let script = setup.write(
        "cgi/run",
        "#!/bin/sh\necho run >> ../runs/list\nprintf 'Content-Type: text/plain\\r\\n\\r\\nran '\ncat\n",
    );
    set_mode(&script, 0o755);
    let asks =
        [get("/cgi/run", 200, "ran "), ask("POST", "/cgi/run", 200, "ran a form").body("a form")];
    setup.write("runs/list", "");
    set_mode(&setup.path("runs/list"), 0o666);
    round_counting(setup.modules(&["alias", module]), &asks, &count_runs);
}

#[test]
fn cgid() {
    scripts(Mpm::Event, "cgid");
    scripts(Mpm::Worker, "cgid");
}

#[test]
fn cgi() {
    scripts(Mpm::Prefork, "cgi");
}

/// A quick handler, like the gate and mod_cache.
#[test]
fn lua_quick_handler() {
    let setup = Setup::new("LuaQuickHandler \"${ROOT}/conf/quick.lua\" handle").modules(&["lua"]);
    open_folder(&setup, "runs");
    setup.write("runs/list", "");
    set_mode(&setup.path("runs/list"), 0o666);
    let list = setup.path("runs/list");
    setup.write(
        "conf/quick.lua",
        format!(
            "function handle(r)\n  local list = io.open(\"{}\", \"a\")\n  list:write(\"run\\n\")\n\
             list:close()\n  if r.uri ~= \"/quick\" then return apache2.DECLINED end\n\
             r:puts(\"quickly\")\n  return apache2.DONE\nend\n",
            list.display()
        ),
    );
    let asks = [get("/quick", 200, "quickly"), get("/", 200, "hello from httpd")];
    round_counting(setup, &asks, &count_runs);
}

/// Each method that changes something. The requests of a round restore the initial state.
#[test]
fn dav() {
    let setup = Setup::new(
        "DAVLockDB \"${ROOT}/locks/db\"\nAlias /dav \"${ROOT}/dav\"\n\
         <Location /dav>\nDAV On\n</Location>",
    )
    .modules(&["alias", "dav", "dav_fs"]);
    open_folder(&setup, "locks");
    open_folder(&setup, "dav");
    setup.write("dav/there", "content\n");
    let asks = [
        ask("OPTIONS", "/dav/", 200, "dav: 1,2"),
        ask("PROPFIND", "/dav/", 207, "/dav/there").header("Depth", "1"),
        ask("DELETE", "/dav/there", 204, ""),
        ask("PUT", "/dav/there", 201, "").body("content\n"),
        ask("MKCOL", "/dav/folder", 201, ""),
        ask("DELETE", "/dav/folder/", 204, ""),
    ];
    let httpd = round_counting(setup, &asks, &|httpd| last_change(&httpd.path("dav")));
    let content = fs::read_to_string(httpd.path("dav/there")).expect("the file");
    assert_eq!(content, "content\n");
    assert_eq!(fs::read_dir(httpd.path("dav")).expect("the folder").count(), 1);
}

/// When a file was last added to or removed from a folder.
fn last_change(folder: &Path) -> usize {
    // The file system's clock may stand still for this long; later changes need a later time.
    thread::sleep(Duration::from_millis(20));
    let time = fs::metadata(folder).and_then(|folder| folder.modified()).expect("a time");
    time.duration_since(UNIX_EPOCH).expect("a time").as_nanos() as usize
}

#[test]
fn status_and_info() {
    let setup = Setup::new(
        "ExtendedStatus On\n<Location /status>\nSetHandler server-status\n</Location>\n\
         <Location /info>\nSetHandler server-info\n</Location>",
    )
    .modules(&["status", "info"]);
    let asks = [
        get("/status", 200, "Apache Server Status"),
        get("/status?auto", 200, "BusyWorkers: "),
        get("/info", 200, "Apache Server Information"),
    ];
    round(setup, &asks);
}

/// A part of the page comes from the backend through a subrequest of an admitted request.
#[test]
fn server_side_includes() {
    let backend = Backend::start();
    let setup = Setup::new(&format!(
        "Options +Includes\nAddType text/html .shtml\nAddOutputFilter INCLUDES .shtml\n\
         ProxyPass /part http://{}/part",
        backend.address
    ))
    .modules(&["include", "mime", "proxy", "proxy_http"]);
    setup.write("conf/mime.types", "");
    setup.write("htdocs/page.shtml", "<p><!--#include virtual=\"/part\" -->");
    let asks = [get("/page.shtml", 200, Backend::page_of("/part"))];
    let setup = setup.directives("TypesConfig conf/mime.types");
    round_counting(setup, &asks, &|_| backend.received());
}
