//! Accept, Accept-Language and Accept-Encoding: for any bytes, the answers are those of a second
//! implementation, which reads each rule literally and does not care for its cost.

#![no_main]

use libfuzzer_sys::fuzz_target;
use maintenance_core::negotiate::{self, Encoding, Media};

const TAGS: [&str; 9] =
    ["en", "de-AT", "de", "zh-Hant", "zh-Hans", "pt", "de-CH-1996", "fr-x-a", "fr"];

/// Names that mean something to one of the fields, and what may follow them. Bytes of the input
/// stand for these, too, since they are hard to hit otherwise.
const NAMES: [&[&str]; 3] = [
    &[
        "text/html",
        "application/xhtml+xml",
        "text/plain",
        "text/*",
        "application/json",
        "application/problem+json",
        "application/ld+json",
        "Application/vnd.api+JSON",
        "application/+json",
        "application/*",
        "*/*",
    ],
    &["de", "de-CH", "DE-at", "fr-x-b", "fr-x-b-c", "fr-x", "zh", "zh-Hans-CN", "pt-BR", "en", "*"],
    &["br", "gzip", "x-gzip", "identity", "*", "zstd"],
];
const WEIGHTS: [&str; 12] = [
    "",
    ";q=1.000",
    " ; Q=0.9",
    ";q=0.501",
    ";q=0.5",
    ";q=0.001",
    ";q=0",
    ";q=0.",
    ";a=b;q=0.6",
    ";q=0.4;a=\"b, c;q=0\"",
    ";a=\"\\\", x\\\\\";q=0.7",
    ";q=1.001",
];

struct Element {
    name: String,
    quality: f32,
    parameters: bool,
}

fuzz_target!(|input: &[u8]| {
    for value in input.split(|byte| *byte == b'\n') {
        check(value);
    }
    for names in NAMES {
        let elements = input.chunks_exact(2).take(10).map(|pair| {
            let name = names[usize::from(pair[0]) % names.len()];
            let weight = WEIGHTS[usize::from(pair[1]) % WEIGHTS.len()];
            format!("{name}{weight}")
        });
        check(elements.collect::<Vec<_>>().join(", ").as_bytes());
    }
});

fn check(value: &[u8]) {
    let elements = elements(value);
    let shown = value.escape_ascii();
    for default in [Media::Html, Media::Json, Media::Text] {
        let chosen = negotiate::media(Some(value), default);
        assert_eq!(chosen, media(&elements, default), "Accept, {default:?}: {shown}");
    }
    let chosen = negotiate::language(Some(value), TAGS.into_iter());
    assert_eq!(chosen.map(|index| TAGS[index]), language(&elements), "Accept-Language: {shown}");
    assert_eq!(negotiate::encoding(Some(value)), encoding(&elements), "Accept-Encoding: {shown}");
}

fn elements(value: &[u8]) -> Vec<Element> {
    // One character for each byte.
    let value: String = value.iter().copied().map(char::from).collect();
    let value = without_quoted_strings(&value);
    let blank = [' ', '\t', '\n', '\x0c', '\r'];
    let mut elements = Vec::new();
    for element in value.split(',') {
        let parts: Vec<_> = element.split(';').map(|part| part.trim_matches(blank)).collect();
        let parameters = parts[1..].iter().copied().filter(|part| !part.is_empty());
        let (weights, others): (Vec<&str>, Vec<&str>) = parameters.partition(|part| {
            part.split('=').next().unwrap().trim_matches(blank).eq_ignore_ascii_case("q")
        });
        let quality = match weights[..] {
            [] => Some(1.0),
            [weight] => weight.to_lowercase().strip_prefix("q=").and_then(quality),
            _ => None,
        };
        if let Some(quality) = quality
            && !parts[0].is_empty()
        {
            let name = parts[0].to_ascii_lowercase();
            elements.push(Element { name, quality, parameters: !others.is_empty() });
        }
    }
    elements
}

fn without_quoted_strings(value: &str) -> String {
    let Some((before, rest)) = value.split_once("=\"") else { return value.into() };
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '"' => break,
            _ => (),
        }
    }
    format!("{before}=_{}", without_quoted_strings(characters.as_str()))
}

fn quality(text: &str) -> Option<f32> {
    let form = text.len() <= 5
        && text.starts_with(['0', '1'])
        && (text.len() == 1 || text[1..].starts_with('.'))
        && text.chars().all(|character| character.is_ascii_digit() || character == '.');
    text.parse().ok().filter(|quality| form && *quality <= 1.0)
}

/// RFC 9110, 12.5.1.
fn media(elements: &[Element], default: Media) -> Media {
    let of_range = |range: &str| {
        let those = |parameters| {
            let those = elements.iter().filter(move |element| element.parameters == parameters);
            those.filter(|element| element.name == range).map(|element| element.quality)
        };
        those(true).reduce(f32::max).or(those(false).reduce(f32::max))
    };
    let others = elements.iter().filter(|element| is_other_json(&element.name));
    let others = others.map(|element| element.quality).filter(|quality| *quality > 0.0);
    let others = others.reduce(f32::max);
    let of_media = |names: [&str; 2], others: Option<f32>, wildcard| {
        let named = names.into_iter().filter_map(of_range).chain(others).reduce(f32::max);
        let admitted = of_range(wildcard).or(of_range("*/*")).unwrap_or(0.0);
        (named.unwrap_or(admitted), named.is_some())
    };
    let of = |media| match media {
        Media::Html => of_media(["text/html", "application/xhtml+xml"], None, "text/*"),
        Media::Json => {
            of_media(["application/json", "application/problem+json"], others, "application/*")
        }
        Media::Text => of_media(["text/plain"; 2], None, "text/*"),
    };
    let mut best = (default, of(default));
    for media in [Media::Html, Media::Json, Media::Text] {
        let other = (media, of(media));
        if other.1.0 > 0.0 && (other.1 > best.1 || best.1.0 == 0.0) {
            best = other;
        }
    }
    best.0
}

fn is_other_json(name: &str) -> bool {
    let format = name.strip_prefix("application/").and_then(|rest| rest.strip_suffix("+json"));
    format.is_some_and(|format| {
        let is_token = |character: char| {
            character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
        };
        !["", "problem"].contains(&format) && format.chars().all(is_token)
    })
}

/// RFC 4647, 3.4.
fn language(elements: &[Element]) -> Option<&'static str> {
    let is_under = |tag: &str, range: &str| {
        tag.eq_ignore_ascii_case(range) || tag.to_lowercase().starts_with(&format!("{range}-"))
    };
    let mut ranges: Vec<_> = elements.iter().filter(|element| is_range(&element.name)).collect();
    ranges.sort_by(|one, other| other.quality.total_cmp(&one.quality));
    let excluded =
        |tag: &str| ranges.iter().any(|range| range.quality == 0.0 && is_under(tag, &range.name));
    let tags: Vec<_> = TAGS.into_iter().filter(|tag| !excluded(tag)).collect();
    for range in ranges.iter().filter(|range| range.quality > 0.0) {
        let mut subtags: Vec<_> = range.name.split('-').collect();
        while !subtags.is_empty() {
            let range = subtags.join("-");
            let exact = tags.iter().find(|tag| tag.eq_ignore_ascii_case(&range));
            if let Some(tag) = exact.or(tags.iter().find(|tag| is_under(tag, &range))) {
                return Some(tag);
            }
            subtags.pop();
            while subtags.last().is_some_and(|last| last.len() == 1) {
                subtags.pop();
            }
        }
    }
    None
}

fn is_range(name: &str) -> bool {
    let fits = |subtag: &str| (1..=8).contains(&subtag.len());
    name.split('-').all(fits)
        && name.split('-').next().unwrap().chars().all(|first| first.is_ascii_alphabetic())
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '-')
}

/// RFC 9110, 12.5.3.
fn encoding(elements: &[Element]) -> Encoding {
    let of_names = |names: [&str; 2]| {
        let named = elements.iter().filter(|element| names.contains(&element.name.as_str()));
        let qualities: Vec<_> = named.map(|element| element.quality).collect();
        let highest = qualities.iter().copied().reduce(f32::max);
        if qualities.contains(&0.0) { Some(0.0) } else { highest }
    };
    let others = of_names(["*"; 2]).unwrap_or(0.0);
    let brotli = of_names(["br"; 2]).unwrap_or(others);
    let gzip = of_names(["gzip", "x-gzip"]).unwrap_or(others);
    let identity = of_names(["identity"; 2]).unwrap_or(0.0);
    if brotli > 0.0 && brotli >= gzip && brotli >= identity {
        Encoding::Brotli
    } else if gzip > 0.0 && gzip >= identity {
        Encoding::Gzip
    } else {
        Encoding::Identity
    }
}
