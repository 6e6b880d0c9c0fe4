//! Templates (minijinja), limited in time and size, and without access to anything outside.

use std::io::{self, Write};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{
    AutoEscape, Environment, Error, UndefinedBehavior, escape_formatter, filters, tests,
};

use crate::context::Scratch;
use crate::negotiate::Media;

/// The largest page, in bytes, before and after it is rendered.
pub const MAX_SIZE: u64 = 1024 * 1024;

/// The maximum number of instructions. Each of them is cheap, see [`environment`].
const FUEL: u64 = 200_000;

/// The internal name of the template. No message shows it.
const NAME: &str = "page";

/// A compiled template.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
}

impl Template {
    /// Compiles a template. Values are escaped according to the type. There are no other templates
    /// that it could include, and no variables except those in `known`. The compiler keeps
    /// thread-local buffers, so it runs in `scratch`.
    ///
    /// # Errors
    /// The cause, with the line of the template.
    pub(crate) fn compile(
        media: Media,
        source: &str,
        known: &[&str],
        scratch: Scratch,
    ) -> Result<Self, String> {
        let mut compiled = Err("cannot be compiled".to_owned());
        scratch(&mut || compiled = Self::compile_here(media, source, known));
        compiled
    }

    fn compile_here(media: Media, source: &str, known: &[&str]) -> Result<Self, String> {
        let mut environment = environment(media);
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(|error| say(&error))?);
        environment.add_template_owned(NAME, source.to_owned()).map_err(|error| say(&error))?;
        let used = {
            let template = environment.get_template(NAME).map_err(|error| say(&error))?;
            template.undeclared_variables(false)
        };
        let mut unknown: Vec<_> =
            used.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
        unknown.sort_unstable();
        match unknown.is_empty() {
            true => Ok(Self { environment }),
            false => Err(format!("uses unknown variables: {}", unknown.join(", "))),
        }
    }

    /// Renders the template with these values, to at most [`MAX_SIZE`] bytes.
    ///
    /// # Errors
    /// The cause, with the line of the template.
    pub(crate) fn render(&self, values: Value) -> Result<Vec<u8>, String> {
        let template = self.environment.get_template(NAME).map_err(|error| say(&error))?;
        let mut output = Bounded(Vec::new());
        match template.render_captured_to(values, &mut output) {
            Ok(_) => Ok(output.0),
            Err(_) if output.is_full() => Err(format!("produces more than {MAX_SIZE} bytes")),
            Err(error) => Err(say(&error)),
        }
    }
}

/// The features of templates: show values, compare them, and iterate over the few lists. There are
/// no functions or filters that produce large output from small input, such as `range` or `indent`,
/// and nothing that is kept for the whole process.
fn environment(media: Media) -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_auto_escape_callback(move |_| match media {
        Media::Html => AutoEscape::Html,
        Media::Json => AutoEscape::Json,
        Media::Text => AutoEscape::None,
    });
    // An undefined value is rendered as nothing, or as null if the type requires a value.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_formatter(move |out, state, value| match media {
        _ if !value.is_undefined() && !value.is_none() => escape_formatter(out, state, value),
        Media::Json => out.write_str("null").map_err(Error::from),
        Media::Html | Media::Text => Ok(()),
    });
    environment.set_fuel(Some(FUEL));
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("d", filters::default);
    environment.add_filter("default", filters::default);
    environment.add_filter("e", filters::escape);
    environment.add_filter("escape", filters::escape);
    environment.add_filter("first", filters::first);
    environment.add_filter("int", filters::int);
    environment.add_filter("items", filters::items);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    environment.add_filter("lines", filters::lines);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("replace", filters::replace);
    environment.add_filter("safe", filters::safe);
    environment.add_filter("split", filters::split);
    environment.add_filter("title", filters::title);
    environment.add_filter("tojson", filters::tojson);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("upper", filters::upper);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("none", tests::is_none);
    environment.add_test("undefined", tests::is_undefined);
    environment
}

/// The message of an error on one line, with the line of the template.
fn say(error: &Error) -> String {
    let cause = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let cause = cause.lines().collect::<Vec<_>>().join(", ");
    match error.line() {
        Some(line) => format!("line {line}: {cause}"),
        None => cause,
    }
}

/// A writer that accepts at most [`MAX_SIZE`] bytes.
struct Bounded(Vec<u8>);

impl Bounded {
    fn is_full(&self) -> bool {
        self.0.len() as u64 > MAX_SIZE
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        match self.is_full() {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod test {
    use minijinja::context;

    use super::*;
    use crate::context::here;

    fn render(media: Media, source: &str) -> Result<String, String> {
        let values = context! { message => "<script>\"a\"&'b'\n\0\u{2028}", vars => context! {} };
        let bytes = Template::compile(media, source, &["message", "vars"], here)?.render(values)?;
        Ok(String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn values_are_escaped_by_type() {
        let html = render(Media::Html, "{{ message }}").expect("a page");
        assert!(!html.contains(['<', '>', '"', '\'']), "{html}");
        let json = render(Media::Json, "{\"x\": {{ message }}}").expect("a page");
        let value: serde_json::Value = serde_json::from_str(&json).expect(&json);
        assert_eq!(value["x"], "<script>\"a\"&'b'\n\0\u{2028}");
        let text = render(Media::Text, "{{ message }}").expect("a page");
        assert!(text.starts_with("<script>\"a\"&'b'\n"), "{text}");
        for nothing in ["{{ vars.x }}", "{{ vars.x.y }}", "{{ none }}"] {
            assert_eq!(render(Media::Html, nothing).as_deref(), Ok(""), "{nothing}");
            assert_eq!(render(Media::Json, nothing).as_deref(), Ok("null"), "{nothing}");
        }
        assert_eq!(render(Media::Text, "{{ vars.x|default('soon') }}").as_deref(), Ok("soon"));
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (source, message) in [
            ("\n{{ message", "line 2: "),
            ("{% if message %}", "line 1: "),
            ("\n\n{{ mesage }}{{ secret.x }}", "uses unknown variables: mesage, secret"),
            ("\n{{ message|nonsense }}", "line 2: "),
            ("\n{% include '/etc/passwd' %}", "line 2: "),
            ("{% import 'x' as x %}", "line 1: "),
            ("{% extends 'x' %}", "line 1: "),
            ("{% for a in message %}x{% endfor %}{{ range(9) }}", "uses unknown variables: range"),
            ("{% set n = namespace(a='x') %}", "uses unknown variables: namespace"),
            ("{{ '%2000000000d'|format(1) }}", "line 1: "),
            ("{{ 'x'|indent(9000000000) }}", "line 1: "),
            ("{{ [3, 1]|sort }}", "line 1: "),
            ("{{ 'x' * 9000000000 }}", "line 1: "),
            ("{{ message.x.y() }}", "line 1: "),
            ("{{ 1 // 0 }}", "line 1: "),
        ] {
            let start = std::time::Instant::now();
            let error = render(Media::Html, source).expect_err(source);
            assert!(error.starts_with(message) && !error.contains('\n'), "{source}: {error}");
            assert!(error.len() < 300 && start.elapsed().as_secs() < 5, "{error}");
        }
    }

    #[test]
    fn time_and_output_are_bounded() {
        let loops = "{% for a in message %}{% for b in message %}";
        let ends = "{% endfor %}{% endfor %}";
        let render = |source: &str| {
            let template = Template::compile(Media::Text, source, &["message"], here)?;
            template.render(context! { message => "x".repeat(64 * 1024) })
        };
        let error = render(&format!("{loops}{ends}")).expect_err("endless");
        assert!(error.contains("fuel"), "{error}");
        let lines = "x".repeat(1000);
        let error = render(&format!("{loops}{lines}{ends}")).expect_err("huge");
        assert_eq!(error, "produces more than 1048576 bytes");
    }
}
