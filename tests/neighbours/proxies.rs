//! mod_proxy with its schemes, and mod_jk, which has the role of the WebSphere plug-in.

use super::peer::{Peer, ajp, fcgi};
use super::{ask, get, round_counting};
use maintenance_harness::{Backend, Setup, raw};

#[test]
fn http_and_balancer() {
    let backends = [Backend::start(), Backend::start()];
    let [first, second] = backends.each_ref().map(|backend| backend.address);
    let setup = Setup::new(&format!(
        "<Proxy balancer://both>\nBalancerMember http://{first}\nBalancerMember http://{second}\n\
         </Proxy>\n<Location /manager>\nSetHandler balancer-manager\n</Location>\n\
         ProxyPass /manager !\nProxyPass /one http://{first}/one\nProxyPass / balancer://both/"
    ))
    .modules(&["proxy", "proxy_http", "proxy_balancer", "slotmem_shm", "lbmethod_byrequests"]);
    let asks = [
        get("/one/x", 200, Backend::page_of("/one/x")),
        get("/x", 200, Backend::page_of("/x")),
        ask("POST", "/y", 200, "POST /y").body("a form"),
        get("/manager", 200, "Load Balancer Manager"),
    ];
    let received = || backends.iter().map(Backend::received).sum();
    // Its manager wants to be asked by its own pages.
    round_counting(setup, &asks, &|_| received()).allow_log("AH10187");
}

/// Each request is a connection to the proxied server.
#[test]
fn further_schemes() {
    for (module, scheme, answer) in [
        ("proxy_ajp", "ajp", ajp("from behind")),
        ("proxy_fcgi", "fcgi", fcgi("from behind")),
        ("proxy_scgi", "scgi", b"Content-Type: text/plain\r\n\r\nfrom behind".to_vec()),
        ("proxy_uwsgi", "uwsgi", b"HTTP/1.0 200 OK\r\n\r\nfrom behind".to_vec()),
    ] {
        let peer = Peer::answering(answer);
        let directives = format!("ProxyPass / {scheme}://{}/", peer.address);
        let setup = Setup::new(&directives).modules(&["proxy", module]);
        let asks = [get("/x", 200, "from behind")];
        round_counting(setup, &asks, &|_| peer.accepted());
    }
}

/// By mod_proxy_wstunnel, and by mod_proxy_http, which also supports it.
#[test]
fn web_sockets() {
    let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                     Connection: Upgrade\r\n\r\n";
    let peer = Peer::answering(switching.into());
    for (modules, proxy) in [
        (&["proxy", "proxy_http", "proxy_wstunnel"][..], format!("ws://{}/", peer.address)),
        (&["proxy", "proxy_http"], format!("http://{}/ upgrade=websocket", peer.address)),
    ] {
        let setup = Setup::new(&format!("ProxyPass / {proxy}")).modules(modules);
        let asks = [get("/socket", 101, "upgrade: websocket")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")];
        round_counting(setup, &asks, &|_| peer.accepted());
    }
}

#[test]
fn forward_proxy() {
    let backend = Backend::start();
    let httpd = Setup::new("ProxyRequests On\nAllowCONNECT 1-65535")
        .modules(&["proxy", "proxy_http", "proxy_connect"])
        .start();
    let absolute = format!(
        "GET http://{0}/x HTTP/1.1\r\nHost: {0}\r\nConnection: close\r\n\r\n",
        backend.address
    );
    let connect = format!(
        "CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        backend.address
    );
    for (request, received) in [(&absolute, 1), (&connect, 2)] {
        assert!(raw(httpd.address(), request.as_bytes()).ends_with(&Backend::page_of("/x")));
        assert_eq!(backend.received(), received);
    }
    httpd.close();
    for request in [&absolute, &connect] {
        let answer = raw(httpd.address(), request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 500 ") && answer.ends_with(maintenance_harness::PAGE));
        assert_eq!(backend.received(), 2);
    }
}

/// While the site is closed, a backend that is down is not noticed, not even in the log.
#[test]
fn backend_that_is_down() {
    for (module, scheme) in [("proxy_http", "http"), ("proxy_ajp", "ajp")] {
        let setup = Setup::new(&format!("ProxyPass / {scheme}://127.0.0.1:1/ retry=0"))
            .modules(&["proxy", module]);
        let complaints = "AH00957|AH01114|AH00896|AH00959";
        let asks = [get("/x", 503, "Service Unavailable")];
        round_counting(setup, &asks, &|httpd| httpd.count_log(complaints)).allow_log(complaints);
    }
}

#[test]
fn jk() {
    let peer = Peer::answering(ajp("from behind"));
    let workers = format!(
        "worker.list=behind\nworker.behind.type=ajp13\nworker.behind.host=127.0.0.1\n\
         worker.behind.port={}\n",
        peer.address.port()
    );
    let setup = Setup::new(
        "JkWorkersFile conf/workers.properties\nJkLogFile logs/jk_log\nJkShmFile logs/jk_shm\n\
         JkMount /* behind",
    )
    .modules(&["jk"]);
    setup.write("conf/workers.properties", workers);
    let asks =
        [get("/x", 200, "from behind"), ask("POST", "/y", 200, "from behind").body("a form")];
    round_counting(setup, &asks, &|_| peer.accepted());
}
