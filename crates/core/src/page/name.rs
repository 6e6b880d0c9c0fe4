//! The information in the name of a page file: its type, its language, and whether it is a
//! template.

use std::path::Path;

use thiserror::Error;

use crate::flag::spec::{instead_of, is_language};
use crate::negotiate::Media;

/// Why the name of a page file is not valid.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// `page.php`
    #[error(
        "\"{0}\" does not end in .html, .htm, .json or .txt, optionally followed by a language \
         (.html.de) and by .j2 for a template"
    )]
    Type(String),
    /// `page.html.deutsch`
    #[error("\"{path}\" ends in \"{word}\", which is not a language; {hint}")]
    Language {
        /// The file.
        path: String,
        /// The word where the language belongs.
        word: String,
        /// What to write instead.
        hint: String,
    },
}

/// The information in the name of a page file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageName {
    /// The type.
    pub media: Media,
    /// The language tag (BCP 47); None if the name has none.
    pub language: Option<String>,
    /// Whether the name ends in `.j2`.
    pub is_template: bool,
}

impl PageName {
    /// `NAME.TYPE[.LANGUAGE][.j2]`
    ///
    /// # Errors
    /// [`NameError`]
    pub fn of(path: &Path) -> Result<Self, NameError> {
        let error = || NameError::Type(path.display().to_string());
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(error)?;
        let (rest, is_template) = match name.strip_suffix(".j2") {
            Some(rest) => (rest, true),
            None => (name, false),
        };
        let (rest, last) = rest.rsplit_once('.').ok_or_else(error)?;
        if let Some(media) = media(last) {
            return Ok(Self { media, language: None, is_template });
        }
        let media = rest.rsplit_once('.').and_then(|(_, ending)| media(ending));
        match media {
            Some(media) if is_language(last) => {
                Ok(Self { media, language: Some(last.into()), is_template })
            }
            Some(_) if !last.is_empty() => Err(NameError::Language {
                path: path.display().to_string(),
                word: last.into(),
                hint: instead_of(last),
            }),
            _ => Err(error()),
        }
    }
}

fn media(ending: &str) -> Option<Media> {
    match ending {
        "html" | "htm" => Some(Media::Html),
        "json" => Some(Media::Json),
        "txt" => Some(Media::Text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, expected) in [
            ("page.html", Some((Media::Html, None, false))),
            ("page.htm", Some((Media::Html, None, false))),
            ("/x/page.json", Some((Media::Json, None, false))),
            ("page.txt", Some((Media::Text, None, false))),
            ("page.html.j2", Some((Media::Html, None, true))),
            ("page.html.de", Some((Media::Html, Some("de"), false))),
            ("page.html.pt-BR.j2", Some((Media::Html, Some("pt-BR"), true))),
            ("page.de.html", Some((Media::Html, None, false))),
            ("page.html.txt", Some((Media::Text, None, false))),
            ("page.json.zh-Hans", Some((Media::Json, Some("zh-Hans"), false))),
            ("page", None),
            ("page.j2", None),
            ("html", None),
            ("page.php", None),
            ("page.html.", None),
            ("page.html.x", None),
            ("page.html.de.x.j2", None),
            ("page.html.j2.de", None),
            ("page.html.~1~", None),
            ("page.html.deutsch", None),
            ("page.html.de_DE", None),
            ("page.HTML", None),
            ("", None),
        ] {
            let found = PageName::of(Path::new(name)).ok();
            let found =
                found.as_ref().map(|name| (name.media, name.language.as_deref(), name.is_template));
            assert_eq!(found, expected, "{name}");
        }
        let error = PageName::of(Path::new("/x/page.html.deutsch")).expect_err("no language");
        assert!(
            error.to_string().ends_with("ends in \"deutsch\", which is not a language; write de"),
            "{error}"
        );
    }
}
