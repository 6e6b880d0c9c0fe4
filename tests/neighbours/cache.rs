//! mod_cache, also as a quick handler, which answers before other modules.

use std::fs;

use super::FIELDS;
use maintenance_harness::{Backend, PAGE, Setup, client::Answer, set_mode};

/// A page that is cached, and one that is requested while the site is closed.
fn cached(quick: &str, modules: &[&'static str], directives: &str) {
    let backend = Backend::start();
    let setup = Setup::new(
        "CacheDefaultExpire 3600\nCacheIgnoreNoLastMod On\nCacheHeader On\nMaintenanceAllow 127.0.0.2",
    )
    .modules(&["cache", "socache_shmcb"])
    .modules(modules)
    .directives(&format!("{directives}\nCacheQuickHandler {quick}"))
    .proxy_to(&backend);
    fs::create_dir(setup.path("cache")).expect("a folder");
    set_mode(&setup.path("cache"), 0o777);
    let httpd = setup.start();
    let (public, admitted) = (httpd.client(), httpd.client_from("127.0.0.2"));
    let assert_page = |answer: &Answer, path: &str, from: &str| {
        assert_eq!((answer.status, &*answer.body), (200, &*Backend::page_of(path)), "{quick}");
        let cache = answer.header("x-cache").expect("CacheHeader");
        assert!(cache.starts_with(from), "{quick}: {path} {cache}");
        backend.received()
    };
    assert_eq!(assert_page(&public.get("/early"), "/early", "MISS"), 1);
    assert_eq!(assert_page(&public.get("/early"), "/early", "HIT"), 1);
    httpd.close();
    for path in ["/early", "/late", "/early", "/late"] {
        for control in ["", "only-if-cached", "no-cache", "max-stale"] {
            let request = public.request("GET", path).header("Cache-Control", control);
            let refused = public.send(request);
            refused.assert_refused();
            let others = refused.headers.keys().find(|name| !FIELDS.contains(&name.as_str()));
            assert_eq!(others, None, "{quick}: {refused:?}");
        }
    }
    assert_eq!(backend.received(), 1);
    assert_eq!(assert_page(&admitted.get("/early"), "/early", "HIT"), 1);
    // Nothing is stored while closed: neither the refusal nor what an admitted client gets.
    for requests in [2, 3] {
        assert_eq!(assert_page(&admitted.get("/late"), "/late", "MISS"), requests);
    }
    public.get("/late").assert_refused();
    httpd.open();
    for (path, from, requests) in [("/early", "HIT", 3), ("/late", "MISS", 4), ("/late", "HIT", 4)]
    {
        assert_eq!(assert_page(&public.get(path), path, from), requests);
    }
    assert!(!holds(&httpd.path("cache"), PAGE.as_bytes()), "a refusal in the cache");
}

/// Whether the folder has a file that contains this text.
fn holds(folder: &std::path::Path, content: &[u8]) -> bool {
    fs::read_dir(folder).expect("a folder").filter_map(Result::ok).any(|entry| {
        match entry.path().is_dir() {
            true => holds(&entry.path(), content),
            false => fs::read(entry.path())
                .is_ok_and(|file| file.windows(content.len()).any(|part| part == content)),
        }
    })
}

const DISK: &str = "CacheEnable disk /\nCacheRoot \"${ROOT}/cache\"";
const SHARED_MEMORY: &str = "CacheEnable socache /\nCacheSocache shmcb:logs/cached(1000000)";

#[test]
fn disk() {
    for quick in ["On", "Off"] {
        cached(quick, &["cache_disk"], DISK);
    }
}

#[test]
fn shared_memory() {
    for quick in ["On", "Off"] {
        cached(quick, &["cache_socache"], SHARED_MEMORY);
    }
}
