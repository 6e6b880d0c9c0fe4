//! mod_rewrite and mod_alias.

use super::{get, round_counting};
use maintenance_harness::{Backend, Setup};

/// The same rules for the server and in a virtual host.
#[test]
fn rules_of_server_and_virtual_host() {
    for (begin, end) in [("", ""), ("<VirtualHost *>\n", "\n</VirtualHost>")] {
        let backend = Backend::start();
        let setup = Setup::new("").modules(&["rewrite", "alias", "proxy", "proxy_http"]);
        let rules = format!(
            "{begin}RewriteEngine On\n\
             RewriteRule ^/moved http://elsewhere.test/new [R=301,L]\n\
             RewriteRule ^/forbidden - [F]\n\
             RewriteRule ^/fails - [R=500]\n\
             RewriteRule ^/proxied/(.*) http://{}/$1 [P]\n\
             RewriteRule ^/through /aliased [PT]\n\
             RewriteRule ^/file /index.html [L]\n\
             RewriteCond %{{HTTP_HOST}} ^bare\\.\n\
             RewriteRule ^/host https://www.elsewhere.test/ [R]\n\
             Alias /aliased {}\n\
             Redirect temp /old http://elsewhere.test/temp\n\
             RedirectMatch 308 ^/every/ http://elsewhere.test/every\n\
             Redirect gone /gone{end}",
            backend.address,
            setup.path("htdocs/index.html").display()
        );
        let asks = [
            get("/moved", 301, "location: http://elsewhere.test/new\n"),
            get("/forbidden", 403, ""),
            get("/fails", 500, "internal error"),
            get("/proxied/x?y", 200, Backend::page_of("/x?y")),
            get("/through", 200, "hello from httpd"),
            get("/file", 200, "hello from httpd"),
            get("/host", 302, "location: https://www.elsewhere.test/\n")
                .header("Host", "bare.elsewhere.test"),
            get("/aliased", 200, "hello from httpd"),
            get("/old", 302, "location: http://elsewhere.test/temp\n"),
            get("/every/page", 308, "location: http://elsewhere.test/every\n"),
            get("/gone", 410, ""),
        ];
        round_counting(setup.directives(&rules), &asks, &|_| backend.received());
    }
}
