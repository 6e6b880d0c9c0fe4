//! The requests that both servers get, in this order.

/// The request, the status of each answer, and a text that proves that it is the intended answer.
pub struct Case {
    pub name: String,
    pub request: Vec<u8>,
    pub statuses: Vec<u16>,
    pub witness: &'static str,
}

/// A request line without its version; fields; status; an expected text.
pub const REQUESTS: &[(&str, &str, u16, &str)] = &[
    ("GET /page.html", "", 200, "ETag: "),
    ("HEAD /page.html", "", 200, "Content-Length: 6290"),
    ("GET /", "", 200, "the index"),
    ("GET //page.html", "", 200, "line 399"),
    ("GET /big.txt", "", 200, "line 29999"),
    ("GET /page.html?a=b&c", "Cookie: a=b\r\nUpgrade-Insecure-Requests: 1\r\n", 200, "line 399"),
    ("GET /%70age.html", "", 200, "line 399"),
    ("GET http://site.test/page.html", "", 200, "line 399"),
    ("GET http://plain.test/page.html", "", 200, "line 399"),
    // Methods
    ("OPTIONS /", "", 200, "Allow: "),
    ("OPTIONS *", "", 200, "Content-Length: 0"),
    ("TRACE /page.html", "X-Traced: yes\r\n", 200, "\r\nX-Traced: yes\r\n"),
    ("PUT /page.html", "Content-Length: 0\r\n", 405, "Allow: "),
    ("DELETE /page.html", "", 405, "Allow: "),
    ("POST /page.html", "Content-Length: 0\r\n", 200, "line 399"),
    ("PATCH /page.html", "Content-Length: 0\r\n", 405, "Allow: "),
    ("PROPFIND /page.html", "", 405, "Allow: "),
    ("BREW /page.html", "", 501, "Not Implemented"),
    ("CONNECT elsewhere.test:443", "", 405, "Allow: "),
    ("BREW /cgi/env", "", 200, "REQUEST_METHOD=BREW"),
    ("POST /read-only", "Content-Length: 0\r\n", 405, "Allow: "),
    // mod_dav
    ("PUT /dav/file.txt", "Content-Length: 0\r\n", 204, ""),
    ("PUT /dav/new.txt", "Content-Length: 0\r\n", 201, "Location: "),
    ("MOVE /dav/new.txt", "Destination: http://site.test/dav/moved.txt\r\n", 201, "Location: "),
    ("DELETE /dav/moved.txt", "", 204, ""),
    // Codings
    ("GET /deflated/page.html", "Accept-Encoding: gzip\r\n", 200, "Content-Encoding: gzip"),
    ("GET /deflated/big.txt", "Accept-Encoding: gzip, br\r\n", 200, "Content-Encoding: gzip"),
    ("GET /deflated/page.html", "", 200, "Vary: "),
    ("HEAD /deflated/page.html", "Accept-Encoding: gzip\r\n", 200, "Content-Encoding: gzip"),
    ("GET /brotli/page.html", "Accept-Encoding: br\r\n", 200, "Content-Encoding: br"),
    ("GET /brotli/big.txt", "Accept-Encoding: gzip, br\r\n", 200, "Content-Encoding: br"),
    ("GET /both/page.html", "Accept-Encoding: gzip, br\r\n", 200, "Content-Encoding: br"),
    ("GET /deflated/missing", "Accept-Encoding: gzip\r\n", 404, "Not Found"),
    // Ranges
    ("GET /page.html", "Range: bytes=10-19\r\n", 206, "Content-Range: bytes 10-19/"),
    ("GET /page.html", "Range: bytes=-5\r\n", 206, "Content-Length: 5"),
    ("GET /big.txt", "Range: bytes=0-99,200000-\r\n", 206, "multipart/byteranges"),
    ("GET /page.html", "Range: bytes=0-9,20-29,40-49\r\n", 206, "multipart/byteranges"),
    ("GET /page.html", "Range: bytes=900000-\r\n", 416, "Not Satisfiable"),
    ("GET /page.html", "Range: bytes=0-9\r\nIf-Range: \"other\"\r\n", 200, "line 399"),
    // Conditions
    ("GET /page.html", "If-None-Match: *\r\n", 304, "ETag: "),
    ("GET /page.html", "If-None-Match: \"other\"\r\n", 200, "line 399"),
    ("GET /page.html", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n", 200, "line 399"),
    ("GET /page.html", "If-Modified-Since: Thu, 01 Jan 2015 00:00:00 GMT\r\n", 200, "line 399"),
    ("GET /page.html", "If-Match: \"other\"\r\n", 412, "Precondition Failed"),
    ("GET /page.html", "If-Unmodified-Since: Thu, 01 Jan 2015 00:00:00 GMT\r\n", 412, ""),
    // Errors
    ("GET /missing", "", 404, "Not Found"),
    ("GET /page.html/more", "", 404, "Not Found"),
    ("GET /a%2fb", "", 404, "Not Found"),
    ("GET /%2e%2e/%2e%2e/etc/passwd", "", 400, ""),
    ("GET /denied/page.html", "", 403, "Forbidden"),
    ("GET /denied/text/page.html", "", 403, "by a text"),
    ("GET /denied/away/page.html", "", 302, "Location: http://elsewhere.test/denied"),
    ("GET /denied/elsewhere/page.html", "", 403, "Forbidden"),
    ("GET /denied/elsewhere/page.html", "X-Client-IP: 192.0.2.7\r\n", 200, "for some"),
    ("GET /unreadable.html", "", 403, "Forbidden"),
    ("GET /lost/page.html", "", 404, "REDIRECT_STATUS=404"),
    ("GET /page.html", "Expect: the unexpected\r\n", 417, "Expectation Failed"),
    ("GET /cgi/broken", "", 500, "Internal Server Error"),
    ("GET /cgi/missing", "", 404, "Not Found"),
    ("GET /unreachable/page", "", 503, "Service Unavailable"),
    // Redirects, rules, aliases
    ("GET /moved/there?a=b", "", 302, "Location: http://elsewhere.test/new/there?a=b"),
    ("POST /moved", "Content-Length: 0\r\n", 302, "Location: http://elsewhere.test/new"),
    ("GET /gone", "", 410, "Gone"),
    ("GET /folder", "", 301, "Location: http://site.test/folder/"),
    ("GET /folder/below?a", "", 301, "Location: http://site.test/folder/below/?a"),
    ("GET /folder/", "", 200, "a folder's index"),
    ("GET /scripted/?a", "", 200, "REQUEST_URI=/scripted/?a"),
    ("GET /rewritten/redirect", "", 307, "Location: http://elsewhere.test/site.test"),
    ("GET /rewritten/through", "", 200, "line 399"),
    ("GET /rewritten/forbidden", "", 403, "Forbidden"),
    ("GET /rewritten/variable", "", 200, "REWRITTEN=yes"),
    ("GET /rewritten/look", "", 302, "Location: http://site.test/127.0.0.1"),
    ("GET /rewritten/rest?a=b", "", 200, "PATH_INFO=/rest"),
    ("GET /rules/to-page", "", 200, "line 399"),
    ("GET /rules/go", "", 302, "Location: http://site.test/rules/target"),
    ("GET /alias/page.html", "", 200, "line 399"),
    // Scripts
    ("GET /cgi/env/path/info?a=b", "X-Mine: yes\r\n", 200, "HTTP_X_MINE=yes"),
    ("HEAD /cgi/env", "", 200, "Content-Length: "),
    ("GET /cgi/env", "X-Client-IP: 192.0.2.7\r\n", 200, "REMOTE_ADDR=192.0.2.7"),
    ("GET /cgi/local", "", 200, "QUERY_STRING=by=script"),
    ("GET /cgi/away", "", 302, "Location: http://elsewhere.test/"),
    ("GET /cgi/status", "", 418, "X-By: script"),
    ("GET /action/page", "", 200, "PATH_TRANSLATED="),
    ("GET /asis/answer", "", 234, "X-By: file"),
    // Server-side includes; without chunks where a script's output is cut as it comes
    ("GET /ssi.shtml", "Accept-Encoding: gzip\r\n", 200, "<p>a part</p>"),
    ("HEAD /ssi.shtml", "", 200, ""),
    ("GET /deflated/ssi.shtml", "Accept-Encoding: gzip\r\n", 200, "Content-Encoding: gzip"),
    // Listings and variants
    ("GET /list/", "", 200, "b.html"),
    ("GET /list/?C=S;O=D", "", 200, "Parent Directory"),
    ("GET /multi/doc", "Accept-Language: de\r\nAccept: text/html\r\n", 200, "hallo"),
    ("GET /multi/doc", "Accept-Language: en\r\nAccept: text/plain\r\n", 200, "hello"),
    ("GET /multi/doc", "Accept: video/mp4\r\n", 406, "Alternates: "),
    ("GET /map.var", "Accept-Language: de\r\n", 200, "hallo"),
    // Authentication
    ("GET /secret/page.html", "", 401, "WWW-Authenticate: Basic realm=\"the secret\""),
    ("GET /secret/page.html", "Authorization: Basic YW5uYTpvcGVuIHNlc2FtZQ==\r\n", 200, "secret"),
    ("GET /secret/page.html", "Authorization: Basic YW5uYTp3cm9uZw==\r\n", 401, "WWW-Auth"),
    // A backend
    ("GET /backend/page?a=b", "", 200, "GET /page?a=b"),
    ("GET /backend/echo?a=b", "X-Mine: yes\r\n", 200, "\"x-mine\": \"yes\""),
    ("HEAD /backend/echo", "", 200, "Via: "),
    ("OPTIONS /backend/echo", "", 200, "method: OPTIONS"),
    ("BREW /backend/echo", "Max-Forwards: 3\r\n", 200, "method: BREW"),
    ("GET /backend/echo", "X-Client-IP: 192.0.2.7\r\n", 200, "\"x-forwarded-for\": \"192.0.2.7\""),
    ("GET /rewritten/proxy/x?a", "", 200, "uri: /echo/rewritten/x?a"),
    // mod_cache
    ("GET /cached/page.html", "", 200, "X-Cache: MISS from site.test"),
    ("GET /cached/page.html", "", 200, "X-Cache: HIT from site.test"),
    ("HEAD /cached/page.html", "", 200, "X-Cache: HIT from site.test"),
    ("GET /cached/page.html", "If-None-Match: *\r\n", 304, "X-Cache: HIT"),
    ("GET /cached/page.html", "Range: bytes=10-19\r\n", 206, "X-Cache: HIT"),
    ("GET /cached/page.html", "Cache-Control: no-cache\r\n", 200, "X-Cache: MISS"),
    ("GET /cached/page.html", "Cache-Control: max-age=0\r\n", 200, "X-Cache: REVALIDATE"),
    ("GET /cached/other.html", "Cache-Control: only-if-cached\r\n", 504, "Gateway Timeout"),
];

/// Raw requests; the status of each answer; an expected text.
pub const RAW: &[(&str, &[u16], &str)] = &[
    ("GET /page.html\r\n", &[], "line 399"), // HTTP/0.9
    ("GET /page.html HTTP/1.0\r\n\r\n", &[200], "line 399"),
    ("GET /cgi/env HTTP/1.0\r\nHost: site.test\r\n\r\n", &[200], "SERVER_PROTOCOL=HTTP/1.0"),
    ("GET /ssi-script.shtml HTTP/1.0\r\nHost: site.test\r\n\r\n", &[200], "by a shell"),
    ("GET /cgi/nph-raw HTTP/1.0\r\nHost: site.test\r\n\r\n", &[], "HTTP/1.0 203 Raw"),
    // The answers to one connection's requests
    (
        "GET /page.html HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /missing HTTP/1.0\r\n\r\n",
        &[200, 404],
        "Keep-Alive: timeout=",
    ),
    (
        "GET /page.html HTTP/1.1\r\nHost: site.test\r\n\r\n\
         GET /cgi/env HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n",
        &[200, 200],
        "SCRIPT_NAME=/cgi/env",
    ),
    (
        "POST /cgi/echo HTTP/1.1\r\nHost: site.test\r\nContent-Length: 5\r\n\r\nfirst\
         HEAD /missing HTTP/1.1\r\nHost: plain.test\r\n\r\n\
         GET /cached/page.html HTTP/1.1\r\nHost: site.test\r\n\r\n\
         GET /secret/ HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n",
        &[200, 404, 200, 401],
        "X-Cache: HIT",
    ),
    // Bodies
    (
        "POST /cgi/echo HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\
         Content-Length: 11\r\n\r\nhello there",
        &[200],
        "hello there",
    ),
    (
        "POST /cgi/echo HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n there\r\n0\r\nX: y\r\n\r\n",
        &[200],
        "hello there",
    ),
    (
        "POST /backend/echo HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\
         Content-Length: 11\r\n\r\nhello there",
        &[200],
        "hello there",
    ),
    (
        "POST /backend/echo HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n there\r\n0\r\n\r\n",
        &[200],
        "hello there",
    ),
    (
        "POST /cgi/echo HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\
         Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
        &[100, 200],
        "hello",
    ),
    (
        "POST /page.html HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\
         Content-Length: 5\r\n\r\nhello",
        &[200],
        "line 399",
    ),
    // One property: of several, httpd names the namespaces in any order
    (
        "PROPFIND /dav/ HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\nDepth: 1\r\n\
         Content-Length: 66\r\n\r\n\
         <propfind xmlns=\"DAV:\"><prop><getcontentlength/></prop></propfind>",
        &[207],
        "<D:status>HTTP/1.1 200 OK</D:status>",
    ),
    (
        "PUT /dav/file.txt HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        &[204],
        "",
    ),
    (
        "POST /small HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\
         Content-Length: 11\r\n\r\nhello there",
        &[413],
        "Too Large",
    ),
    (
        "POST /small HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\nb\r\nhello there\r\n0\r\n\r\n",
        &[413],
        "Too Large",
    ),
    (
        "POST /cgi/echo HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\
         Transfer-Encoding: gzip\r\n\r\n",
        &[400],
        "",
    ),
    // What httpd turns down itself; the first host has an ErrorDocument for it
    ("GET /page.html HTTP/1.1\r\n\r\n", &[400], "REDIRECT_STATUS=400"),
    ("GET /page.html HTTP/1.1\r\nHost: a b\r\n\r\n", &[400], "REDIRECT_STATUS=400"),
    ("GET /page.html HTTP/1.1\r\nHost: site.test\r\nno colon\r\n\r\n", &[400], ""),
    ("GET /page.html HTTP/1.1\r\nHost: plain.test\r\nno colon\r\n\r\n", &[400], ""),
    ("GET /page.html HTTP/1.1\r\nHost: site.test\r\nContent-Length: z\r\n\r\n", &[400], ""),
    ("GET page.html HTTP/1.1\r\nHost: plain.test\r\nConnection: close\r\n\r\n", &[400], ""),
    (
        "GET /page.html HTTP/3.7\r\nHost: plain.test\r\nConnection: close\r\n\r\n",
        &[200],
        "line 399",
    ),
    ("G\u{1}T /page.html HTTP/1.1\r\nHost: plain.test\r\n\r\n", &[400], ""),
];

/// All requests.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![];
    for (line, fields, status, witness) in REQUESTS {
        let request =
            format!("{line} HTTP/1.1\r\nHost: site.test\r\n{fields}Connection: close\r\n\r\n");
        cases.push(case(&request, &[*status], witness));
    }
    for (request, statuses, witness) in RAW {
        cases.push(case(request, statuses, witness));
    }
    let long = "x".repeat(9000);
    let many = "X: y\r\n".repeat(51);
    let host = "Host: site.test\r\nConnection: close\r\n";
    cases.push(case(&format!("GET /{long} HTTP/1.1\r\n{host}\r\n"), &[414], "Too Long"));
    cases.push(case(&format!("GET / HTTP/1.1\r\n{host}X: {long}\r\n\r\n"), &[400], ""));
    cases.push(case(&format!("GET / HTTP/1.1\r\n{host}{many}\r\n"), &[400], ""));
    cases
}

fn case(request: &str, statuses: &[u16], witness: &'static str) -> Case {
    let name: String = request.chars().take(200).collect();
    Case {
        name: name.replace("\r\n", " | "),
        request: request.into(),
        statuses: statuses.into(),
        witness,
    }
}
