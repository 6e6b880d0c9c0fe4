//! What requests ask for, and what they get.

use super::{HTML, JSON, TEXT};

/// A request and its expected answer: header lines; the type; the language of the built-in pages,
/// then that of `own_pages`; the coding. "-" means no field.
pub type Row<L> = (L, &'static str, &'static str, &'static str, &'static str);

const ROWS: [Row<&[u8]>; 113] = [
    // nothing is asked for
    (b"", HTML, "en", "-", "-"),
    (b"Accept:\nAccept-Language:\nAccept-Encoding:", HTML, "en", "-", "-"),
    (b"Accept: \t\nAccept-Language: ,\nAccept-Encoding: , ,", HTML, "en", "-", "-"),
    // other formats of JSON
    (b"Accept: application/vnd.api+json", JSON, "en", "de", "-"),
    (b"Accept: application/vnd.oai.openapi+json;version=3.1", JSON, "en", "de", "-"),
    (b"Accept: APPLICATION/Activity+JSON\nAccept-Language: de", JSON, "de", "de", "-"),
    (b"Accept: application/ld+json;q=0.4, text/html;q=0.3", JSON, "en", "de", "-"),
    (b"Accept: application/ld+json;q=0.4, text/html;q=0.5", HTML, "en", "-", "-"),
    (b"Accept: application/hal+json, */*", JSON, "en", "de", "-"),
    (b"Accept: application/hal+json;q=0, text/plain;q=0.1", TEXT, "en", "en", "-"),
    (b"Accept: application/json-seq", HTML, "en", "-", "-"),
    (b"Accept: text/json", HTML, "en", "-", "-"),
    (b"Accept: application/*;q=0, */*;q=0.1", HTML, "en", "-", "-"),
    // browsers
    (
        b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
          image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\n\
          Accept-Encoding: gzip, deflate, br, zstd\n\
          Accept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7",
        HTML,
        "de",
        "de",
        "br",
    ),
    (
        b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\n\
          Accept-Language: en-US,en;q=0.5\nAccept-Encoding: gzip, deflate, br, zstd",
        HTML,
        "en",
        "en",
        "br",
    ),
    (
        b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\n\
          Accept-Language: fr-CH,fr;q=0.8,en-US;q=0.5,en;q=0.3\nAccept-Encoding: gzip, deflate, br",
        HTML,
        "fr",
        "en",
        "br",
    ),
    (
        b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\n\
          Accept-Language: zh-CN,zh-Hans;q=0.9\nAccept-Encoding: gzip, deflate, br",
        HTML,
        "zh-Hans",
        "-",
        "br",
    ),
    (
        b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\n\
          Accept-Language: ja\nAccept-Encoding: gzip, deflate",
        HTML,
        "ja",
        "-",
        "gzip",
    ),
    (
        b"Accept: text/html, application/xhtml+xml, image/jxr, */*\nAccept-Language: nl-NL\n\
          Accept-Encoding: gzip, deflate",
        HTML,
        "nl",
        "-",
        "gzip",
    ),
    (
        b"Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\n\
          Accept-Language: pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7\nAccept-Encoding: gzip, deflate, br",
        HTML,
        "pt",
        "en",
        "br",
    ),
    (b"Accept: text/css,*/*;q=0.1\nAccept-Language: pl", HTML, "pl", "-", "-"),
    (b"Accept: text/event-stream\nAccept-Language: it-IT", HTML, "it", "-", "-"),
    (b"Accept: */*\nSec-Fetch-Mode: cors\nAccept-Language: es-419", HTML, "es", "-", "-"),
    // tools and programs
    (b"User-Agent: curl/8.5.0\nAccept: */*", HTML, "en", "-", "-"),
    (b"Accept: */*\nAccept-Encoding: deflate, gzip, br, zstd", HTML, "en", "-", "br"),
    (b"User-Agent: Wget/1.21\nAccept: */*\nAccept-Encoding: identity", HTML, "en", "-", "-"),
    (b"Accept: */*\nAccept-Encoding: gzip, deflate", HTML, "en", "-", "gzip"),
    (
        b"Accept: text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01\n\
          Accept-Encoding: gzip, compress, bzip2\nAccept-Language: es",
        HTML,
        "es",
        "-",
        "gzip",
    ),
    (
        b"Accept: application/json, text/plain, */*\nAccept-Encoding: gzip, compress, deflate, br",
        JSON,
        "en",
        "de",
        "br",
    ),
    (
        b"Accept: application/json, text/plain, */*\nAccept-Encoding: gzip, deflate, br, zstd\n\
          Accept-Language: pl-PL,pl;q=0.9,en;q=0.8",
        JSON,
        "pl",
        "de",
        "br",
    ),
    (
        b"Accept: application/json, text/javascript, */*; q=0.01\n\
          X-Requested-With: XMLHttpRequest\nAccept-Language: de",
        JSON,
        "de",
        "de",
        "-",
    ),
    (
        b"User-Agent: Java/17.0.9\nAccept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
        HTML,
        "en",
        "-",
        "-",
    ),
    (b"User-Agent: Java/21\nAccept: text/html, image/gif, */*; q=0.2", HTML, "en", "-", "-"),
    (
        b"User-Agent: Apache-HttpClient/5.2\nAccept-Encoding: gzip, x-gzip, deflate",
        HTML,
        "en",
        "-",
        "gzip",
    ),
    (b"Accept: application/json, application/*+json", JSON, "en", "de", "-"),
    (b"User-Agent: okhttp/4.12.0\nAccept-Encoding: gzip", HTML, "en", "-", "gzip"),
    (b"Accept: application/atom+xml", HTML, "en", "-", "-"),
    (b"Accept: application/problem+json, application/json;q=0.9", JSON, "en", "de", "-"),
    (b"Accept: application/problem+json\nAccept-Language: ja", JSON, "ja", "de", "-"),
    (b"Accept: text/plain\nAccept-Language: it", TEXT, "it", "it", "-"),
    (b"Accept: text/plain\nAccept-Encoding: gzip", TEXT, "en", "en", "gzip"),
    (
        b"Accept: text/plain;charset=utf-8\nAccept-Encoding: br\nAccept-Language: zh",
        TEXT,
        "zh-Hans",
        "zh-Hans",
        "br",
    ),
    (b"Accept: application/xhtml+xml", HTML, "en", "-", "-"),
    (b"Accept: application/xml", HTML, "en", "-", "-"),
    (b"Accept-Charset: utf-16\nTE: gzip\nAccept-Ranges: none", HTML, "en", "-", "-"),
    // qualities of types
    (b"Accept: text/html;q=0.5, application/json", JSON, "en", "de", "-"),
    (b"Accept: text/html;q=0.5, application/json;q=0.5", HTML, "en", "-", "-"),
    (b"Accept: text/html;q=0.5, application/json;q=0.501", JSON, "en", "de", "-"),
    (b"Accept: application/json;q=0.5, text/plain;q=0.6, text/html;q=0.4", TEXT, "en", "en", "-"),
    (b"Accept: text/html;q=0, */*", JSON, "en", "de", "-"),
    (b"Accept: text/html;q=0, application/json;q=0.0, */*;q=0.1", TEXT, "en", "en", "-"),
    (b"Accept: */*;q=0", HTML, "en", "-", "-"),
    (
        b"Accept: text/html;level=1;q=0.3, text/html;q=0.7, application/json;q=0.5",
        JSON,
        "en",
        "de",
        "-",
    ),
    // wildcards
    (b"Accept: text/*", HTML, "en", "-", "-"),
    (b"Accept: application/*", JSON, "en", "de", "-"),
    (b"Accept: text/*, text/plain", TEXT, "en", "en", "-"),
    (b"Accept: */*, application/json", JSON, "en", "de", "-"),
    (b"Accept: application/*;q=0.2, */*;q=0.1", JSON, "en", "de", "-"),
    (b"Accept: text/html;q=0.3, application/json;q=0.2, */*;q=0.5", TEXT, "en", "en", "-"),
    // languages
    (b"Accept-Language: en;q=0.5, de", HTML, "de", "de", "-"),
    (b"Accept-Language: DE-ch;Q=0.9", HTML, "de", "de", "-"),
    (b"Accept-Language: en-GB, de;q=0.9", HTML, "en", "en", "-"),
    (b"Accept-Language: de;q=0, en;q=0.1, fr;q=0.2", HTML, "fr", "en", "-"),
    (b"Accept-Language: de-AT;q=0, de;q=0.1", HTML, "de", "de", "-"),
    (b"Accept-Language: en;q=0, *", HTML, "en", "-", "-"),
    (b"Accept-Language: *", HTML, "en", "-", "-"),
    (b"Accept-Language: *, fr;q=0.1", HTML, "fr", "-", "-"),
    (b"Accept-Language: tlh", HTML, "en", "-", "-"),
    (b"Accept-Language: x-private, nl", HTML, "nl", "-", "-"),
    (b"Accept-Language: zh-TW,zh;q=0.9", HTML, "zh-Hans", "-", "-"),
    (b"Accept-Language: zh-Hant-TW, en;q=0.1", HTML, "zh-Hans", "en", "-"),
    (b"Accept-Language: pt-PT;q=0.2, es;q=0.3", HTML, "es", "-", "-"),
    (b"Accept: application/json\nAccept-Language: fr, en;q=0.1", JSON, "fr", "de", "-"),
    (b"Accept: application/json\nAccept-Language: de;q=0", JSON, "en", "de", "-"),
    // codings
    (b"Accept-Encoding: gzip;q=0.8, br;q=0.2", HTML, "en", "-", "gzip"),
    (b"Accept-Encoding: gzip;q=0.8, br;q=0.801", HTML, "en", "-", "br"),
    (b"Accept-Encoding: br;q=0, *", HTML, "en", "-", "gzip"),
    (b"Accept-Encoding: *", HTML, "en", "-", "br"),
    (b"Accept-Encoding: identity, *;q=0", HTML, "en", "-", "-"),
    (b"Accept-Encoding: identity;q=0, *;q=0", HTML, "en", "-", "-"),
    (b"Accept-Encoding: gzip;q=0", HTML, "en", "-", "-"),
    (b"Accept-Encoding: gzip, gzip;q=0", HTML, "en", "-", "-"),
    (b"Accept-Encoding: x-gzip", HTML, "en", "-", "gzip"),
    (b"Accept-Encoding: GZip", HTML, "en", "-", "gzip"),
    (b"Accept-Encoding: identity;q=0.5, gzip;q=0.4, br;q=0.3", HTML, "en", "-", "-"),
    (b"Accept-Encoding: deflate, compress, zstd", HTML, "en", "-", "-"),
    // malformed
    (b"Accept: application/json;q=1.5", HTML, "en", "-", "-"),
    (b"Accept: application/json;q=0.1234, text/plain;q=0.1", TEXT, "en", "en", "-"),
    (b"Accept: application/json;q=1;q=1, text/plain;q=0.1", TEXT, "en", "en", "-"),
    (b"Accept: , ,,application/json,,", JSON, "en", "de", "-"),
    (b"Accept: text/plain;a=\"x, text/html\";q=0.9, text/html;q=0.5", TEXT, "en", "en", "-"),
    (b"Accept: text/plain;a=\"x, text/html", TEXT, "en", "en", "-"),
    (b"Accept: \"application/json\", text/plain;q=0.1", TEXT, "en", "en", "-"),
    (b"Accept: /\nAccept-Language: /\nAccept-Encoding: /", HTML, "en", "-", "-"),
    (b"Accept: json", HTML, "en", "-", "-"),
    (b"Accept-Language: de_DE, en;q=0.1", HTML, "en", "en", "-"),
    (b"Accept-Language: de--CH, fr;q=0.5", HTML, "fr", "-", "-"),
    (b"Accept-Language: de;q=, ja;q=0.001", HTML, "ja", "-", "-"),
    (b"Accept-Encoding: br gzip, gzip;q=0.1", HTML, "en", "-", "gzip"),
    (b"Accept-Encoding: ;;;,=,\"", HTML, "en", "-", "-"),
    // spelling of names, blanks
    (b"ACCEPT: application/json\naccept-language: pl\naCCEPT-eNCODING: br", JSON, "pl", "de", "br"),
    (b"Accept:\tapplication/json\t;\tq=0.5 , text/html ; q=0.4", JSON, "en", "de", "-"),
    // several lines of one field
    (b"Accept: text/html;q=0.1\nAccept: application/json", JSON, "en", "de", "-"),
    (b"Accept-Language: fr;q=0.5\nAccept: */*\nAccept-Language: de", HTML, "de", "de", "-"),
    (b"Accept-Encoding: gzip;q=0.5\nAccept-Encoding: br;q=0.4", HTML, "en", "-", "gzip"),
    (b"Accept:\nAccept: text/plain\nAccept:", TEXT, "en", "en", "-"),
    (b"Accept: text/plain;a=\"x\nAccept: text/html", TEXT, "en", "en", "-"),
    // bytes beyond ASCII
    (b"Accept: \xff/\xfe;q=\x80, text/plain;q=0.1", TEXT, "en", "en", "-"),
    (b"Accept: text/pl\xc3\xa4in, application/json;q=0.1", JSON, "en", "de", "-"),
    (b"Accept-Language: d\xe9, fr;q=0.3", HTML, "fr", "-", "-"),
    (b"Accept-Language: \xd0\xb4\xd0\xb5, \xe6\x97\xa5\xe6\x9c\xac", HTML, "en", "-", "-"),
    (b"Accept-Encoding: \xc2\xb5, gzip;q=0.1", HTML, "en", "-", "gzip"),
    (b"Accept-Encoding: br\xa0, gzip\xff", HTML, "en", "-", "-"),
];

/// The maximum length of a line: httpd's LimitRequestFieldSize, for which mod_http2 counts a blank
/// after the colon.
pub const LONGEST: usize = 8189;

/// Rows with the longest possible line, or with very many lines.
fn long_rows() -> Vec<Row<Vec<u8>>> {
    let fill = |name: &str, first: &str, element: &str, last: &str| {
        let room = LONGEST - name.len() - first.len() - last.len();
        let filled = element.repeat(room / element.len());
        let line = format!("{name}{}{first}{filled}{last}", " ".repeat(room - filled.len()));
        assert_eq!(line.len(), LONGEST);
        line.into_bytes()
    };
    let lines = (0..48).map(|n| format!("Accept: image/x-{n}\nX-{n}: text/html\n").into_bytes());
    // As many lines as LimitRequestFields allows in addition to Host and Connection.
    let lines: Vec<u8> = lines.flatten().chain(*b"Accept: text/plain;q=0.1").collect();
    vec![
        (
            fill("Accept:", "", "image/x-unknown;q=0.5;a=\",\", ", "application/json;q=0.1"),
            JSON,
            "en",
            "de",
            "-",
        ),
        (fill("Accept:", "", "image/png, ", "image/png"), HTML, "en", "-", "-"),
        (fill("Accept:", "", "text/plain", ""), HTML, "en", "-", "-"),
        (
            fill("Accept-Language:", "", "tlh-Latn-x-abc;q=0.9, ", "pl;q=0.001"),
            HTML,
            "pl",
            "-",
            "-",
        ),
        (fill("Accept-Language:", "de", "-x", ""), HTML, "de", "de", "-"),
        (fill("Accept-Language:", "de", "-", ""), HTML, "en", "-", "-"),
        (fill("Accept-Encoding:", "", "zstd;q=0.7, ", "gzip;q=0.001"), HTML, "en", "-", "gzip"),
        (fill("Accept-Encoding:", "br;a=\"", "gzip, ", ""), HTML, "en", "-", "br"),
        (fill("X-Long:", "", "x", ""), HTML, "en", "-", "-"),
        (lines, TEXT, "en", "en", "-"),
    ]
}

pub fn rows() -> Vec<Row<Vec<u8>>> {
    let short = ROWS.iter().map(|(lines, kind, built_in, own, coding)| {
        (lines.to_vec(), *kind, *built_in, *own, *coding)
    });
    short.chain(long_rows()).collect()
}
