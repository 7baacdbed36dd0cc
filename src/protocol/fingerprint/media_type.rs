//! What a request says of its body: `Content-Type` and `Content-Encoding`.

use crate::protocol::order;
use crate::protocol::request::Inbound;
use mediatype::{MediaType, ReadParams};

/// How bodies of a media type are compared where the contract compares them by meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Syntax {
    /// JSON (rule 4.8).
    Json,
    /// `application/x-www-form-urlencoded` in UTF-8 (rule 4.13).
    Form,
    /// `multipart/form-data` with this boundary (rule 4.14).
    Multipart(String),
    /// Nothing is known of it: it counts by its bytes.
    Opaque,
}

/// The syntax that `Content-Type` gives the body of `request`.
pub fn syntax(request: &Inbound) -> Syntax {
    let Some(value) = request.headers.get("content-type") else {
        return Syntax::Opaque;
    };
    let essence = value.split(';').next().unwrap_or(value).trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/json" | "text/json" => Syntax::Json,
        json if json.ends_with("+json") => Syntax::Json,
        "application/x-www-form-urlencoded" if is_utf8(value) => Syntax::Form,
        MULTIPART => boundary(value).map_or(Syntax::Opaque, Syntax::Multipart),
        _ => Syntax::Opaque,
    }
}

const MULTIPART: &str = "multipart/form-data";

/// Whether `value` parses and names no other charset: in UTF-16, say, a byte `&` is not always a separator.
fn is_utf8(value: &str) -> bool {
    params(value).is_some_and(|params| {
        params
            .iter()
            .all(|(name, value)| name != "charset" || value.eq_ignore_ascii_case("utf-8"))
    })
}

/// The one boundary of a multipart type, if it is a legal one (RFC 2046 §5.1.1).
fn boundary(value: &str) -> Option<String> {
    let mut all = params(value)?;
    all.retain(|(name, _)| name == "boundary");
    let (_, boundary) = all.pop()?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    (all.is_empty()
        && (1..=70).contains(&boundary.len())
        && boundary.bytes().all(legal)
        && !boundary.ends_with(' '))
    .then_some(boundary)
}

/// The parameters in their order, names in lower case, values unquoted; `None` for a value that does not parse.
fn params(value: &str) -> Option<Vec<(String, String)>> {
    let parsed = MediaType::parse(value).ok()?;
    Some(read_params(&parsed))
}

fn read_params(parsed: &MediaType<'_>) -> Vec<(String, String)> {
    parsed
        .params()
        .map(|(name, value)| {
            (
                name.as_str().to_ascii_lowercase(),
                value.unquoted_str().into_owned(),
            )
        })
        .collect()
}

/// Rule 4.5; `None` for a value that does not parse. Without `framing`, the boundary of a form is left out (rule 4.17).
pub fn canonical(value: &str, framing: bool) -> Option<String> {
    let parsed = MediaType::parse(value).ok()?;
    let mut out = parsed.essence().to_string().to_ascii_lowercase();
    let framed = framing || out != MULTIPART;
    let mut params = read_params(&parsed);
    params.retain(|(name, value)| {
        !(name == "charset" && value.eq_ignore_ascii_case("utf-8"))
            && (framed || name != "boundary")
    });
    let sorted = order::by_name(params.iter().map(|(name, _)| name.as_str()));
    for (name, value) in sorted.into_iter().filter_map(|at| params.get(at)) {
        // Length-prefixed: a quoted value may contain `;` and `=`.
        out.push_str(&format!(";{name}={}:{value}", value.len()));
    }
    Some(out)
}

/// `Content-Encoding` in lower case, where there is one other than `identity`.
pub fn content_coding(request: &Inbound) -> Option<String> {
    let lines: Vec<&str> = request.headers.lines("content-encoding").collect();
    let coding = lines.join(", ").to_ascii_lowercase();
    (!coding.is_empty() && coding != "identity").then_some(coding)
}
