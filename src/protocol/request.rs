//! What arrives: the head of a request, and its body.

use super::headers::Headers;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The head of a request, as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// The method, in upper case.
    pub method: String,
    /// The host in lower case, with the port unless it is the default one of the scheme (rule 3.4).
    pub host: String,
    /// The path as it came, beginning with `/`.
    pub path: String,
    /// What stands after `?`; an empty query is none.
    pub query: Option<String>,
    /// The headers.
    pub headers: Headers,
}

impl Inbound {
    /// Reads a request whose `url` is absolute (`http://host/path?query`); `None` if it is not.
    pub fn new(method: &str, url: &str, headers: Headers) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let rest = rest.split('#').next().unwrap_or(rest);
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query).filter(|q| !q.is_empty())),
            None => (rest, None),
        };
        let (host, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        Some(Self {
            method: method.to_ascii_uppercase(),
            host: canonical_host(scheme, host),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            headers,
        })
    }

    /// How long the head is as HTTP/1.1 writes it, bytes, without the version.
    pub fn head_length(&self) -> usize {
        let lines = self.headers.iter();
        let lines = lines.map(|(name, value)| name.len() + value.len() + ": \r\n".len());
        self.method.len() + self.target().len() + lines.sum::<usize>()
    }

    /// The path in the form in which paths are compared (rule 1.3).
    pub fn normalised_path(&self) -> String {
        normalised_path(&self.path)
    }

    /// The query with its escapes normalised as those of a path (rule 1.3), in the order in which it came.
    pub fn normalised_query(&self) -> Option<String> {
        self.query.as_deref().map(normalise_escapes)
    }

    /// The values of every query parameter `name`, as they came but for normalised escapes. The name is compared decoded; a
    /// parameter without `=` is empty.
    pub fn parameter(&self, name: &str) -> impl Iterator<Item = String> {
        let pairs = self.query.as_deref().unwrap_or_default().split('&');
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .filter(move |(raw, _)| {
                // One pair's name, or none in an empty pair, is what is left without its value.
                form_urlencoded::parse(raw.as_bytes())
                    .next()
                    .is_some_and(|(decoded, _)| decoded == name)
            })
            .map(|(_, value)| normalise_escapes(value))
    }

    /// Path and query as they came: what the origin is asked for.
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

/// The body of a request. No body and an empty body are different (rule 4.7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// The request has none.
    Absent,
    /// The whole body.
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
}

/// A path in the form in which paths are compared (rule 1.3).
pub fn normalised_path(path: &str) -> String {
    // Most paths are normal.
    if !path.contains(['\\', '%']) && !path.contains("/.") {
        return path.to_owned();
    }
    // The runtime reads a backslash in an http URL as a slash (WHATWG URL), so the origin gets one: a path spelled with backslashes
    // must not slip past its route.
    let path = path.replace('\\', "/");
    remove_dot_segments(&normalise_escapes(&path))
}

/// Where path and query stand in the absolute `url`; `None` where it has no path.
pub fn target_in(url: &str) -> Option<Range<usize>> {
    let host = url.find("://")? + "://".len();
    let end = url.find('#').unwrap_or(url.len());
    let path = url.get(host..end)?.find(['/', '?'])?;
    let target = host + path..end;
    url.get(target.clone())?.starts_with('/').then_some(target)
}

fn canonical_host(scheme: &str, host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let default_port = match scheme {
        "https" => ":443",
        _ => ":80",
    };
    match host.strip_suffix(default_port) {
        Some(bare) => bare.to_owned(),
        None => host,
    }
}

/// Decodes the escapes of unreserved characters and upper-cases the others (RFC 3986 §6.2.2.1 and §6.2.2.2). A `%` that begins no
/// escape stays, and never becomes the beginning of one: `%%411` is not `%A1`.
pub fn normalise_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        match after.get(..2).and_then(|h| u8::from_str_radix(h, 16).ok()) {
            // `from_str_radix` takes a sign; an escape has none.
            Some(byte) if !after.starts_with('+') => {
                let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
                if unreserved && !continues_escape(&out, byte) {
                    out.push(char::from(byte));
                } else {
                    out.push_str(&format!("%{byte:02X}"));
                }
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Whether `byte` behind `text` would be read as a digit of an escape that nobody has written.
fn continues_escape(text: &str, byte: u8) -> bool {
    let begun = match text.as_bytes() {
        [.., b'%'] => true,
        [.., b'%', digit] => digit.is_ascii_hexdigit(),
        _ => false,
    };
    begun && byte.is_ascii_hexdigit()
}

/// RFC 3986 §5.2.4, for a path that begins with `/`.
fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                // A path that ends in a dot segment names a directory.
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_1_3_paths_are_normalised_by_rfc_3986_and_no_further() {
        for (path, normalised) in [
            ("/", "/"),
            ("/v1/orders", "/v1/orders"),
            ("/%761/%6frders", "/v1/orders"),
            ("/a%2fb", "/a%2Fb"),
            ("/a%zz%", "/a%zz%"),
            ("/a%+1", "/a%+1"),
            // What decoding an escape leaves behind a lone `%` is not decoded with it.
            ("/%%411", "/%%411"),
            ("/%4%61", "/%4%61"),
            ("/%%7a%41", "/%zA"),
            ("/%%34%31", "/%%341"),
            ("/é%c3%a9", "/é%C3%A9"),
            ("/a/./b/../c", "/a/c"),
            ("/a/%2e%2E/b", "/b"),
            ("/../../x", "/x"),
            ("/a/..", "/"),
            ("/a/b/.", "/a/b/"),
            ("/a//b/", "/a//b/"),
            ("/A", "/A"),
            ("/v1\\orders", "/v1/orders"),
            ("/x\\..\\v1/orders", "/v1/orders"),
        ] {
            let request = Inbound::new("POST", &format!("http://h{path}"), Headers::new()).unwrap();
            assert_eq!(request.normalised_path(), normalised, "{path}");
            assert_eq!(request.path, path, "the origin gets it as it came");
        }
    }

    #[test]
    fn a_target_is_path_and_query_as_they_came() {
        for (url, target) in [
            ("http://h/", Some("/")),
            ("https://h:8443/a/b?c=/d#e", Some("/a/b?c=/d")),
            ("http://h/%76//x\\y", Some("/%76//x\\y")),
            ("http://h", None),
            ("http://h?c", None),
            ("/a", None),
        ] {
            let found = target_in(url).and_then(|target| url.get(target));
            assert_eq!(found, target, "{url}");
        }
    }

    #[test]
    fn rule_3_4_hosts_are_compared_in_lower_case_without_the_default_port() {
        for (url, host) in [
            ("http://API.example:80/x", "api.example"),
            ("https://api.example:443", "api.example"),
            ("https://api.example:80/", "api.example:80"),
            ("http://127.0.0.1:8787/x?y", "127.0.0.1:8787"),
        ] {
            assert_eq!(Inbound::new("GET", url, Headers::new()).unwrap().host, host);
        }
    }

    #[test]
    fn rule_4_23_a_head_is_as_long_as_it_is_written() {
        let lines = [
            ("Host", "h"),
            ("Idempotency-Key", "k-1"),
            ("X-Empty", ""),
            ("Host", "\u{e9}"),
        ];
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Headers = lines.iter().map(owned).collect();
        let written =
            "POST/a?b=%20host: h\r\nidempotency-key: k-1\r\nx-empty: \r\nhost: \u{e9}\r\n";
        let request = Inbound::new("POST", "http://h/a?b=%20", headers).unwrap();
        assert_eq!(request.head_length(), written.len());
    }

    #[test]
    fn a_target_is_split_into_path_and_query() {
        for (url, path, query, target) in [
            ("http://h", "/", None, "/"),
            ("http://h/a?", "/a", None, "/a"),
            ("http://h/a?b=/c?d#e", "/a", Some("b=/c?d"), "/a?b=/c?d"),
            ("http://h?x=1", "/", Some("x=1"), "/?x=1"),
        ] {
            let request = Inbound::new("get", url, Headers::new()).unwrap();
            assert_eq!(request.path, path);
            assert_eq!(request.query.as_deref(), query);
            assert_eq!(request.target(), target);
            assert_eq!(request.method, "GET");
        }
        assert_eq!(Inbound::new("GET", "/relative", Headers::new()), None);
    }
}
