//! `plugin-cfg.xml`, the configuration of the WebSphere plug-in. Its hosts are those of every
//! Transport of every Server, in any ServerCluster, and those of every Connector of Intelligent
//! Management. (PrimaryServers and BackupServers only repeat the names of Servers.)
//!
//! Other programs write the file, so well-formed content is never an error: a value that is not a
//! host admits nobody.

mod error;

use std::net::IpAddr;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::list::{shorten, shown};
pub use error::{Odd, PluginCfgError};

/// The largest file, in bytes. Large cells have files of some hundred KiB.
pub const MAX_SIZE: u64 = 8 * 1024 * 1024;

/// The content of a plugin-cfg.xml file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PluginCfg {
    /// The hosts, each with its line.
    pub hosts: Vec<(Host, u32)>,
    /// Elements that admit nobody.
    pub odd: Vec<Odd>,
}

/// The host of a Transport or a Connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address, such as `10.0.0.1` or `[2001:db8::7]`.
    Address(IpAddr),
    /// A name, to be resolved.
    Name(String),
}

/// Reads the hosts of all Transports and Connectors of a plugin-cfg.xml file.
///
/// # Errors
/// [`PluginCfgError`]
pub fn parse(content: &[u8]) -> Result<PluginCfg, PluginCfgError> {
    let text = decode(content);
    let mut lines = Lines { text: text.as_bytes(), position: 0, line: 1 };
    let mut reader = Reader::from_str(&text);
    let mut open: Vec<String> = Vec::new();
    let mut found = PluginCfg::default();
    let mut is_document = false;
    loop {
        let start = reader.buffer_position();
        let event =
            reader.read_event().map_err(|cause| xml(lines.at(reader.error_position()), &cause))?;
        match event {
            Event::Start(ref element) | Event::Empty(ref element)
                if !is_document && element.name().as_ref() != "Config" =>
            {
                return Err(PluginCfgError::Root(shown(element.name().as_ref().as_bytes())));
            }
            Event::Start(element) => {
                is_document = true;
                found.add(&element, &open, lines.at(start))?;
                open.push(element.name().as_ref().to_owned());
            }
            Event::Empty(element) => {
                is_document = true;
                found.add(&element, &open, lines.at(start))?;
            }
            Event::End(_) => drop(open.pop()),
            Event::DocType(declaration) if declaration.contains("<!ENTITY") => {
                return Err(PluginCfgError::Entities(lines.at(start)));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match open.pop() {
        Some(element) => Err(PluginCfgError::Truncated {
            line: lines.at(u64::MAX),
            element: shown(element.as_bytes()),
        }),
        None if !is_document => Err(PluginCfgError::NoDocument),
        None => {
            if found == PluginCfg::default() {
                found.odd.push(Odd::NoServer);
            }
            Ok(found)
        }
    }
}

/// Counts lines while a text is being read.
struct Lines<'t> {
    text: &'t [u8],
    position: usize,
    line: u32,
}

impl Lines<'_> {
    /// The line of a position. Positions must not decrease from call to call.
    fn at(&mut self, position: u64) -> u32 {
        let end = usize::try_from(position).unwrap_or(usize::MAX).min(self.text.len());
        let passed = self.text.get(self.position..end).unwrap_or_default();
        let breaks = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.position = self.position.max(end);
        self.line
    }
}

impl PluginCfg {
    /// Adds the host of an element, if that type of element has one.
    fn add(
        &mut self,
        element: &BytesStart<'_>,
        open: &[String],
        line: u32,
    ) -> Result<(), PluginCfgError> {
        let parent = open.last().map(String::as_str);
        let (element_name, wanted) = match element.name().as_ref() {
            "Transport" if parent == Some("Server") => ("Transport", "Hostname"),
            "Connector" if open.iter().any(|outer| outer == "IntelligentManagement") => {
                ("Connector", "host")
            }
            _ => return Ok(()),
        };
        let mut value = None;
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|cause| xml(line, &cause))?;
            if attribute.key.as_ref() == wanted {
                let text = attribute.normalized_value(XmlVersion::Implicit1_0);
                value = Some(text.map_err(|cause| xml(line, &cause))?.into_owned());
            }
        }
        match value.as_deref().map(|value| (value, host(value))) {
            Some((_, Some(host))) => self.hosts.push((host, line)),
            Some((value, None)) => {
                let host = shown(value.as_bytes());
                self.odd.push(match is_zoned(value) {
                    true => Odd::Zone { line, host },
                    false => Odd::Host { line, host },
                });
            }
            None => {
                self.odd.push(Odd::NoHost { line, element: element_name, attribute: wanted });
            }
        }
        Ok(())
    }
}

fn is_zoned(value: &str) -> bool {
    value.split_once('%').is_some_and(|(address, _)| {
        address.trim_start_matches('[').parse::<std::net::Ipv6Addr>().is_ok()
    })
}

/// The parser's message can quote any part of the file, so it is shortened.
fn xml(line: u32, cause: &dyn std::fmt::Display) -> PluginCfgError {
    const LONGEST: usize = 200;
    PluginCfgError::Xml { line, cause: shorten(cause.to_string().as_bytes(), LONGEST) }
}

fn host(value: &str) -> Option<Host> {
    let bare = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(value);
    if let Ok(address) = bare.parse() {
        return Some(Host::Address(address));
    }
    crate::net::hosts::is_name(value).then(|| Host::Name(value.to_owned()))
}

/// WebSphere writes ISO-8859-1, UTF-8 or (edited on Windows) UTF-16. Only ASCII matters here, so
/// all encodings that agree on ASCII are treated alike.
fn decode(content: &[u8]) -> String {
    let utf16 = |content: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, _) = content.as_chunks::<2>();
        char::decode_utf16(units.iter().copied().map(unit))
            .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    match content {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => match str::from_utf8(content) {
            Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
            Err(_) => content.iter().copied().map(char::from).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: impl AsRef<[u8]>) -> Result<String, String> {
        let found = parse(text.as_ref()).map_err(|error| error.to_string())?;
        let texts = found.hosts.into_iter().map(|(host, line)| match host {
            Host::Address(address) => format!("{line}:{address}"),
            Host::Name(name) => format!("{line}:{name}"),
        });
        let texts = texts.chain(found.odd.iter().map(Odd::to_string));
        Ok(texts.collect::<Vec<_>>().join(" "))
    }

    fn config(inner: &str) -> String {
        format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<Config>\n{inner}\n</Config>\n")
    }

    fn server(transports: &str) -> String {
        config(&format!("<ServerCluster><Server Name=\"s\">{transports}</Server></ServerCluster>"))
    }

    #[test]
    fn documents() {
        let one = r#"<Transport Hostname="10.0.0.1" Port="9080" Protocol="http"/>"#;
        for (text, hosts) in [
            (server(one), "3:10.0.0.1"),
            (
                server(
                    r#"<Transport Hostname="a.example.com"/><Transport Hostname='[2001:db8::7]'/>"#,
                ),
                "3:a.example.com 3:2001:db8::7",
            ),
            (server(r#"<Transport Port="1" Hostname="2001:db8::8"></Transport>"#), "3:2001:db8::8"),
            (
                server(
                    r#"<Transport Hostname="10.0.0.&#50;"><Property Name="keyring"/></Transport>"#,
                ),
                "3:10.0.0.2",
            ),
            (server(&format!("<!-- {one}\n{one} -->\n<Transport Hostname=\"b\"/>")), "5:b"),
            (
                server(&format!("{one}<PrimaryServers><Server Name=\"s\"/></PrimaryServers>")),
                "3:10.0.0.1",
            ),
            (config(&format!("<Server>{one}</Server>{one}<X>{one}</X>")), "3:10.0.0.1"),
            (format!("\u{feff}{}", server(one)), "3:10.0.0.1"),
            (
                format!(
                    "<!DOCTYPE Config SYSTEM \"plugin.dtd\">\n<Config><Server>{one}</Server></Config>"
                ),
                "2:10.0.0.1",
            ),
        ] {
            assert_eq!(read(&text).as_deref(), Ok(hosts), "{text}");
        }
        let text = server(&format!("<!-- Z\u{fc}rich -->{one}"));
        let latin1: Vec<u8> = text.chars().map(|character| character as u8).collect();
        assert_eq!(read(latin1).as_deref(), Ok("3:10.0.0.1"));
        let utf16: Vec<u8> = "\u{feff}"
            .encode_utf16()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(read(utf16).as_deref(), Ok("3:10.0.0.1"));
        let utf16: Vec<u8> = "\u{feff}"
            .encode_utf16()
            .chain(text.encode_utf16())
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(read(utf16).as_deref(), Ok("3:10.0.0.1"));
    }

    /// A large file must be read in one pass. Counting the lines from the start for each element
    /// would take minutes.
    #[test]
    fn large_files() {
        let uris = "<Uri Name=\"/some/application/with/a/long/path/*\"/>\n".repeat(100_000);
        let server = "<Server><Transport Hostname=\"10.0.0.1\"/></Server>\n";
        let start = std::time::Instant::now();
        let read = read(config(&format!("<UriGroup>{uris}</UriGroup>{}", server.repeat(1000))));
        assert_eq!(read.map(|hosts| hosts.split(' ').count()), Ok(1000));
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
    }

    /// Well-formed content is never an error.
    #[test]
    fn what_admits_nobody() {
        let none = "the file has no Transport of a Server and no Connector";
        let connector = |attributes: &str| {
            config(&format!(
                "<IntelligentManagement><ConnectorCluster>\n<Connector {attributes}/>\
                </ConnectorCluster></IntelligentManagement>"
            ))
        };
        for (text, found) in [
            (config(""), none),
            ("<Config/>".into(), none),
            (config("<Transport Hostname=\"a\"/>"), none),
            (config("<Connector host=\"a\"/>"), none),
            (connector("host=\"10.0.0.1\" port=\"9043\""), "4:10.0.0.1"),
            (connector("port=\"9043\" host=\"a.example.com\""), "4:a.example.com"),
            (connector("port=\"9043\""), "line 4: a Connector without a host"),
            (server("<Transport Port=\"1\"/>"), "line 3: a Transport without a Hostname"),
            (
                server("<Transport Hostname=\"\"/>"),
                "line 3: \"\" is neither a host name nor an \
                 address",
            ),
            (
                server("<Transport Hostname=\"a b\"/><Transport Hostname=\"10.0.0.1\"/>"),
                "3:10.0.0.1 line 3: \"a b\" is neither a host name nor an address",
            ),
            (
                server("<Transport Hostname=\"*\"/>"),
                "line 3: \"*\" is neither a host name nor an \
                 address",
            ),
            (
                server("<Transport Hostname=\"${VAR}\"/>"),
                "line 3: \"${VAR}\" is neither a host name nor an address",
            ),
            (
                server("<Transport Hostname=\"10.0.0.300\"/>"),
                "line 3: \"10.0.0.300\" is neither a host name nor an address",
            ),
            (
                server("<Transport Hostname=\"10.0.0\"/>"),
                "line 3: \"10.0.0\" is neither a host name nor an address",
            ),
            (
                server("<Transport Hostname=\"[fe80::1%eth0]\"/>"),
                "line 3: \"[fe80::1%eth0]\" has a zone index, which is meaningful only on one \
                 machine",
            ),
        ] {
            assert_eq!(read(&text).as_deref(), Ok(found), "{text}");
        }
    }

    #[test]
    fn what_is_none() {
        let bomb =
            "<!DOCTYPE Config [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>\n<Config>&b;</Config>";
        for (text, message) in [
            (String::new(), "is not an XML document"),
            ("hello".into(), "is not an XML document"),
            ("\0\0\0".into(), "is not an XML document"),
            ("<html><body/></html>".into(), "the root element is <html>, not <Config>"),
            (server("<Transport Hostname=\"&x;\"/>"), "line 3: "),
            (server("<Transport Hostname=a/>"), "line 3: "),
            (server("<Transport Hostname=\"a\""), "line 3: "),
            (config("<ServerCluster></Server>"), "line 3: "),
            (config("<ServerCluster>\n"), "line "),
            ("<Config>\n<ServerCluster>\n<Server>".into(), "line 3: the file ends inside <Server>"),
            ("<Config><Server><Transport Hostname=\"10.0.0.1\"/><Tr".into(), "line 1: "),
            (bomb.into(), "line 1: the DOCTYPE declares entities"),
        ] {
            let error = read(&text).expect_err(&text);
            assert!(error.starts_with(message), "{text}: {error}");
        }
        // No content of the file makes the message long or breaks its line.
        let long = "x\n\u{1}".repeat(100_000);
        for text in [
            config(&format!("<a></b{long}>")),
            config(&format!("<a{long}")),
            format!("<a{long}/>"),
            server(&format!("<Transport Hostname=\"&{long};\"/>")),
        ] {
            let error = read(&text).expect_err(&text);
            assert!(error.len() < 1000 && !error.contains(['\n', '\u{1}']), "{error}");
        }
        let odd = read(server(&format!("<Transport Hostname=\"{long}\"/>"))).expect("a warning");
        assert!(odd.len() < 1000 && !odd.contains(['\n', '\u{1}']), "{odd}");
    }
}
