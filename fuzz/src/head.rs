//! The head of a request, written as HTTP/1.1 writes it, but with bare line feeds: `POST /v1/orders?a=1`, then `Name: value`.
//!
//! The runtime hands over names and values as text, so bytes that are not UTF-8 arrive as the replacement character (rule 6.3).

use reprise::protocol::headers::Headers;
use reprise::protocol::request::Inbound;

/// The text before the first empty line, and what follows it.
pub fn split(input: &[u8]) -> (String, &[u8]) {
    let end = input.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end {
        Some(at) => (&input[..at], &input[at + 2..]),
        None => (input, &[][..]),
    };
    (String::from_utf8_lossy(head).into_owned(), body)
}

/// A header line each; what has no colon is a name without a value.
pub fn headers(text: &str) -> Headers {
    let mut headers = Headers::new();
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        headers.push(name, value);
    }
    headers
}

/// A method and a target, then header lines. A target is what follows the host in the URL that the runtime gives.
pub fn request(text: &str) -> Inbound {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    let (method, target) = line.split_once(' ').unwrap_or(("POST", line));
    Inbound::new(method, &format!("http://h{target}"), headers(rest))
        .unwrap_or_else(|| unreachable!("the URL is absolute"))
}
