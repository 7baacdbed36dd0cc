//! The header block of one part of a form (RFC 7578 §4).

use super::media_type;
use crate::protocol::digest::PartsHasher;
use crate::protocol::headers::is_token;
use crate::protocol::order;

/// What the headers of a part say.
pub struct Head {
    /// Holds all of them.
    pub hasher: PartsHasher,
    /// The field's name, where the disposition gives one.
    pub name: Option<String>,
}

/// Reads a block of header lines, without the empty line behind it; `None` if it is malformed (rule 4.16).
pub fn head(block: &[u8]) -> Option<Head> {
    let block = std::str::from_utf8(block).ok()?;
    let lines: Vec<(String, &str)> = block.split("\r\n").map(line).collect::<Option<_>>()?;
    let count = |wanted| lines.iter().filter(|(name, _)| name == wanted).count();
    if count(DISPOSITION) != 1 || count("content-type") > 1 {
        return None;
    }
    let mut hasher = PartsHasher::new("reprise/multipart/part");
    let mut field = None;
    let sorted = order::by_name(lines.iter().map(|(name, _)| name.as_str()));
    for (name, value) in sorted.into_iter().filter_map(|at| lines.get(at)) {
        hasher.part("header", Some(name.as_bytes()));
        let meaning = match name.as_str() {
            DISPOSITION => Disposition::read(value).map(|disposition| {
                let canonical = disposition.canonical();
                field = disposition.name();
                canonical
            }),
            "content-type" => media_type::canonical(value, true),
            _ => None,
        };
        // Of two kinds, so that no unread value can spell a read one.
        match meaning {
            Some(meaning) => hasher.part("meaning", Some(meaning.as_bytes())),
            None => hasher.part("value", Some(value.as_bytes())),
        };
    }
    Some(Head {
        hasher,
        name: field,
    })
}

const DISPOSITION: &str = "content-disposition";

/// A header line: its name in lower case, its value without surrounding white space. Folded lines are none.
fn line(text: &str) -> Option<(String, &str)> {
    let (name, value) = text.split_once(':')?;
    let control = |byte: u8| byte.is_ascii_control() && byte != b'\t';
    (is_token(name) && !value.bytes().any(control))
        .then(|| (name.to_ascii_lowercase(), value.trim_matches(SPACE)))
}

const SPACE: [char; 2] = [' ', '\t'];

/// The value of a `Content-Disposition` whose quoted strings hold no backslash: some readers take it for an escape and some
/// for itself, so what has one counts as it is written.
struct Disposition<'a> {
    kind: String,
    /// In their order: naive readers look for the first `name=`, which may stand inside `filename=`.
    params: Vec<(String, &'a str)>,
}

impl<'a> Disposition<'a> {
    fn read(value: &'a str) -> Option<Self> {
        let (kind, mut rest) = match value.split_once(';') {
            Some((kind, rest)) => (kind, Some(rest)),
            None => (value, None),
        };
        let kind = kind.trim_matches(SPACE);
        if !is_token(kind) || value.contains('\\') {
            return None;
        }
        let mut params: Vec<(String, &str)> = Vec::new();
        while let Some(text) = rest {
            let (name, after) = text.split_once('=')?;
            let name = name.trim_matches(SPACE).to_ascii_lowercase();
            let (value, after) = parameter_value(after.trim_start_matches(SPACE))?;
            if !is_token(&name) {
                return None;
            }
            params.push((name, value));
            rest = after;
        }
        // Sorted: a head has room for thousands of parameters, and a body for hundreds of heads.
        let names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
        if order::sorted(&names)
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a == b))
        {
            return None;
        }
        Some(Self {
            kind: kind.to_ascii_lowercase(),
            params,
        })
    }

    fn canonical(&self) -> String {
        let mut out = self.kind.clone();
        for (name, value) in &self.params {
            out.push_str(&format!(";{name}={}:{value}", value.len()));
        }
        out
    }

    fn name(&self) -> Option<String> {
        let found = self.params.iter().find(|(name, _)| name == "name")?;
        Some(found.1.to_owned())
    }
}

/// A token or a quoted string, and what stands behind the `;` after it.
fn parameter_value(text: &str) -> Option<(&str, Option<&str>)> {
    let (value, after) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => {
            let end = text.find([';', ' ', '\t']).unwrap_or(text.len());
            let (token, after) = text.split_at_checked(end)?;
            (is_token(token)).then_some((token, after))?
        }
    };
    match after.trim_matches(SPACE) {
        "" => Some((value, None)),
        after => Some((value, Some(after.strip_prefix(';')?))),
    }
}
