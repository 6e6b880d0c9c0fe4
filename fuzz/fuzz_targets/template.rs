//! Templates: any bytes are one that can be rendered, or an error; and in one that is fine, no text
//! of a flag becomes more than text.

#![no_main]

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use maintenance_core::context::{DirectiveContext, Expr};
use maintenance_core::events::EventSink;
use maintenance_core::file::watched::FileEvent;
use maintenance_core::flag::spec::FlagSpec;
use maintenance_core::flag::{ActiveFlag, Content, FlagEvent};
use maintenance_core::negotiate::Encoding;
use maintenance_core::page::{Facts, MAX_SIZE, PageFile, Pages, ServerName};

struct Nobody;

impl EventSink for Nobody {
    fn flag(&self, _: FlagEvent<'_>) {}
    fn file(&self, _: FileEvent<'_>) {}
    fn rendered(&self, _: Option<&Path>, _: &str) {}
}

const HTML: &str = "<p title=\"{{ vars.x }}\" id='{{ host }}'>{{ message }}</p>{{ vars.x|upper }}";
const JSON: &str = "{\"x\": {{ vars.x }}, \"message\": {{ message }}, \"host\": {{ host }}}";

static PAGES: LazyLock<Pages> = LazyLock::new(|| {
    let files = [("fine.html.j2", HTML), ("fine.json.j2", JSON)];
    let files = files.map(|(name, source)| Arc::new(open(name, source.as_bytes()).unwrap()));
    Pages::new(&files, &Arc::default())
});

/// The server around a page.
struct Root;

impl DirectiveContext for Root {
    fn server_root(&self) -> &Path {
        Path::new("/")
    }
    fn compile(&self, _: &str) -> Result<Expr, String> {
        Err("no expressions here".into())
    }
}

/// A file of this process, which the next one overwrites.
fn open(name: &str, source: &[u8]) -> Result<PageFile, String> {
    let path = std::env::temp_dir().join(format!("{}-{name}", std::process::id()));
    fs::write(&path, source).unwrap();
    let page = PageFile::open(path.clone(), &Root).map_err(|error| error.to_string());
    let _ = fs::remove_file(path);
    page
}

fuzz_target!(|input: &[u8]| {
    let (source, text) = match input.iter().position(|byte| *byte == 0) {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, input),
    };
    let text = String::from_utf8_lossy(text);
    let closing = closing(&text);
    for name in ["any.html.j2", "any.json.de.j2", "any.txt.j2", "any.txt"] {
        match open(name, source) {
            Ok(page) => {
                let accept = if name.contains("html") { "text/html" } else { "application/json" };
                let accept = if name.contains("txt") { "text/plain" } else { accept };
                let body = render(
                    &Pages::new(&[Arc::new(page)], &Arc::default()),
                    accept,
                    &closing,
                    "x.test",
                );
                assert!(body.len() as u64 <= MAX_SIZE);
                assert!(name != "any.txt" || body == source);
            }
            Err(error) => check_error(&error),
        }
    }
    check_fine(&closing, &text);
});

fn render(pages: &Pages, accept: &str, closing: &ActiveFlag, host: &str) -> Vec<u8> {
    let page = pages.choose([Some(accept.as_bytes()), None, None]).unwrap().page;
    let facts = Facts { closing, status: 503, retry_after: Some(60), host: &ServerName::new(host) };
    let (body, _) = pages.body(page, facts, Encoding::Identity, &Nobody).unwrap();
    body.plain().to_owned()
}

fn check_error(error: &str) {
    let (_, cause) = error.split_once("\" ").expect("a file and a cause");
    assert!(!cause.is_empty() && !cause.contains('\n'), "{error:?}");
}

fn closing(text: &str) -> ActiveFlag {
    let quoted = serde_json::to_string(text).unwrap().replace('\x7f', "\\u007f");
    let content = format!("message = {quoted}\n[vars]\nx = {quoted}\n");
    // One that is too large says nothing.
    let spec = FlagSpec::parse(content.as_bytes(), &TimeZone::UTC).unwrap_or_default();
    ActiveFlag { content: Arc::new(Content::of(spec)), ..ActiveFlag::default() }
}

fn check_fine(closing: &ActiveFlag, text: &str) {
    let spec = closing.content.spec();
    let html = String::from_utf8(render(&PAGES, "text/html", closing, text)).unwrap();
    let marks = ['<', '>', '"', '\''].map(|mark| html.matches(mark).count());
    assert_eq!(marks, [2, 2, 2, 2], "{html}");
    let json = render(&PAGES, "application/json", closing, text);
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let message = spec.message(None).map(|(message, _)| message);
    assert_eq!(json["message"].as_str(), message);
    assert_eq!(json["x"].as_str(), spec.vars().get("x").map(String::as_str));
    assert_eq!(json["host"], text);
}
