//! The configurations: the module's directives, and the recipes that they replace.

/// The page of all candidates that send a page of their own: 2 KB.
pub const PAGE: &str = "upgrading.htm";

pub fn page() -> String {
    "<p>upgrading".repeat(170)
}

pub const MODULE_WITH_PAGE: &str = "MaintenancePage htdocs/upgrading.htm";

/// The default allowlist, which never contains the client.
fn three() -> [String; 3] {
    ["127.0.0.9", "192.168.157.139", "192.168.157.140"].map(String::from)
}

/// This number of addresses without a common prefix.
fn many(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("10.{}.{}.{}", n / 256, n % 256, 1 + n % 250))
}

/// Rules that close a site as long as they are in httpd.conf.
pub fn rewrite() -> String {
    rewrite_unless(three().into_iter(), "")
}

pub fn rewrite_for(count: usize) -> String {
    rewrite_unless(many(count), "")
}

/// Rules that can stay in httpd.conf, because they check for the flag.
pub fn rewrite_with_flag() -> String {
    rewrite_unless(three().into_iter(), "RewriteCond %{DOCUMENT_ROOT}/../maintenance.flag -f\n")
}

fn rewrite_unless(admitted: impl Iterator<Item = String>, first: &str) -> String {
    let condition =
        |address: String| format!("RewriteCond %{{REMOTE_HOST}} !^{}$\n", escape(&address));
    let conditions: String = admitted.map(condition).collect();
    format!(
        "RewriteEngine On\n{first}{conditions}RewriteRule !^/{PAGE}$ /{PAGE} [L,R=500]\n\
         ErrorDocument 500 /{PAGE}"
    )
}

fn escape(address: &str) -> String {
    address.replace('.', "\\.")
}

/// `Order Deny,Allow` in the syntax of httpd 2.4.
pub fn require() -> String {
    require_one_of(three().into_iter())
}

pub fn require_for(count: usize) -> String {
    require_one_of(many(count))
}

fn require_one_of(admitted: impl Iterator<Item = String>) -> String {
    let lines: String = admitted.map(|address| format!("Require ip {address}\n")).collect();
    // Otherwise each refusal would also cost a line in the error log.
    format!(
        "LogLevel authz_core:crit\n<Location />\n{lines}</Location>\n\
         <Location /{PAGE}>\nRequire all granted\n</Location>\n\
         ErrorDocument 403 /{PAGE}"
    )
}

pub fn module_for(count: usize) -> String {
    let lines = many(count).map(|address| format!("\nMaintenanceAllow {address}"));
    MODULE_WITH_PAGE.to_owned() + &lines.collect::<String>()
}

/// A flag, for configurations that check for one at every request.
pub const NGINX: &str = "daemon off;
worker_processes 1;
pid logs/nginx.pid;
error_log logs/error_log warn;
events { }
http {
    types { text/html html htm; }
    sendfile on;
    tcp_nopush on;
    access_log logs/access_log;
    client_body_temp_path logs/body;
    proxy_temp_path logs/proxy;
    fastcgi_temp_path logs/fastcgi;
    uwsgi_temp_path logs/uwsgi;
    scgi_temp_path logs/scgi;
    server {
        listen ADDRESS;
        root htdocs;
        error_page 500 /upgrading.htm;
        location = /upgrading.htm { internal; }
        location / {
            if (-f ROOT/maintenance.flag) { return 500; }
        }
    }
}
";

/// HAProxy cannot check for a file, so its configuration closes the site.
pub const HAPROXY: &str = "global
    nbthread 1
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    timeout connect 20s
    timeout client 20s
    timeout server 20s
frontend site
    bind ADDRESS
    http-request return status 500 content-type text/html file ROOT/htdocs/upgrading.htm
";
