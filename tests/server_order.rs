//! Virtual hosts are listed in configuration order.

use maintenance_harness::{Client, Httpd};

/// httpd itself stores them in reverse order. Of two hosts with the same name it takes the first,
/// and so does a preflight for another address.
#[test]
fn the_first_virtual_host_of_a_name_counts() {
    let httpd = Httpd::start(
        "Listen ${ADDRESS}:9080\n\
         <Location /status>\n\
             SetHandler maintenance-status\n\
             MaintenanceAllow path=/status\n\
         </Location>\n\
         <VirtualHost ${ADDRESS}:${PORT}>\n\
             ServerName one.example.com\n\
         </VirtualHost>\n\
         <VirtualHost ${ADDRESS}:9080>\n\
             ServerName two.example.com\n\
             MaintenanceStatus 502\n\
         </VirtualHost>\n\
         <VirtualHost ${ADDRESS}:9080>\n\
             ServerName two.example.com\n\
             MaintenanceStatus 503\n\
         </VirtualHost>",
    );
    httpd.close();
    let other = Client::new(&format!("http://{}:9080", httpd.address().ip()));
    let request = other.request("GET", "/").header("Host", "two.example.com");
    assert_eq!(other.send(request).status, 502);
    let path = "/status?format=json&client=10.0.0.1&host=two.example.com";
    let report: serde_json::Value =
        serde_json::from_str(&httpd.client().get(path).body).expect("JSON");
    let answers = &report["preflight"]["answers"];
    assert_eq!((answers[0]["now"]["status"].as_u64(), &answers[1]), (Some(502), &().into()));
    let servers = report["scopes"].as_array().expect("scopes");
    let of = |scope: &serde_json::Value| {
        (scope["location"].is_null()).then(|| scope["statuses"][0].as_u64())
    };
    let statuses: Vec<_> = servers.iter().filter_map(of).flatten().collect();
    assert_eq!(statuses, [500, 500, 502, 503]);
}
