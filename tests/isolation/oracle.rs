//! Who is asking, read from what a request was made of, and not from the request: no hashing, no parsing, no normalising.

use crate::fixture;
use base64ct::{Base64UrlUnpadded, Encoding};
use reprise::protocol::claim::{ClaimId, ScopeId};
use reprise::protocol::contract::{Contract, ScopePart};
use reprise::protocol::key::Key;
use reprise::protocol::scope;

/// One line of `Authorization`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// Anything but a token.
    Raw(String),
    /// A JWT with one claim, a text.
    Text(String, String),
    /// A JWT with one claim, a number.
    Number(String, u64),
}

impl Credential {
    fn line(&self) -> String {
        let payload = match self {
            Self::Raw(text) => return text.clone(),
            Self::Text(name, value) => format!("{{\"{name}\":\"{value}\"}}"),
            Self::Number(name, value) => format!("{{\"{name}\":{value}}}"),
        };
        let segment = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        format!("Bearer {}.{}.c2ln", segment("{}"), segment(&payload))
    }

    /// What it says of `claim`: the kind, and the value. A text that is empty says nothing.
    fn says(&self, claim: &str) -> Option<(&'static str, String)> {
        match self {
            Self::Text(name, value) if name == claim && !value.is_empty() => {
                Some(("text", value.clone()))
            }
            Self::Number(name, value) if name == claim => Some(("number", value.to_string())),
            _ => None,
        }
    }
}

/// What a request is made of. Nothing in it has two spellings.
#[derive(Debug, Clone)]
pub struct Input {
    pub method: &'static str,
    pub host: String,
    pub path: String,
    /// Names, and values where there is a `=`.
    pub query: Option<Vec<(String, Option<String>)>>,
    pub template: &'static str,
    pub credentials: Vec<Credential>,
    pub headers: Vec<(&'static str, Vec<String>)>,
    pub key: String,
}

impl Input {
    /// A request that every published contract takes.
    pub fn plain() -> Self {
        let lines = |name, value: &str| (name, vec![value.to_owned()]);
        Self {
            method: "POST",
            host: "a".to_owned(),
            path: "/a".to_owned(),
            query: None,
            template: "/*",
            credentials: vec![Credential::Raw("Bearer a".to_owned())],
            headers: vec![
                lines("x-a", "a"),
                lines("x-ab", "a"),
                lines("x-api-key", "a"),
                lines("stripe-account", "a"),
            ],
            key: "aa000000-0000-4000-8000-0000000000aa".to_owned(),
        }
    }

    /// From somebody else.
    pub fn of_caller(self, token: &str) -> Self {
        Self {
            credentials: vec![Credential::Raw(format!("Bearer {token}"))],
            headers: vec![("x-api-key", vec![token.to_owned()])],
            ..self
        }
    }

    fn query_text(&self) -> Option<String> {
        let pair = |(name, value): &(String, Option<String>)| match value {
            None => name.clone(),
            Some(value) => format!("{name}={value}"),
        };
        let text = self
            .query
            .as_ref()?
            .iter()
            .map(pair)
            .collect::<Vec<_>>()
            .join("&");
        Some(text).filter(|text| !text.is_empty())
    }

    fn lines(&self, name: &str) -> Vec<String> {
        if name == "authorization" {
            return self.credentials.iter().map(Credential::line).collect();
        }
        let found = self.headers.iter().find(|(other, _)| *other == name);
        found.map(|(_, lines)| lines.clone()).unwrap_or_default()
    }
}

/// The ids of `input` under `contract`; `None` where that takes no such key.
pub fn ids(contract: &Contract, input: &Input) -> Option<(ClaimId, ScopeId)> {
    let mut lines: Vec<(&str, String)> = vec![(contract.key.header.as_str(), input.key.clone())];
    for name in [
        "authorization",
        "x-a",
        "x-ab",
        "x-api-key",
        "stripe-account",
        "x-other",
    ] {
        lines.extend(input.lines(name).into_iter().map(|line| (name, line)));
    }
    let lines: Vec<(&str, &str)> = lines
        .iter()
        .map(|(name, line)| (*name, line.as_str()))
        .collect();
    let query = input
        .query_text()
        .map_or_else(String::new, |text| format!("?{text}"));
    let url = format!("http://{}{}{query}", input.host, input.path);
    let request = fixture::request(input.method, &url, &lines);
    let key = Key::read(&contract.key, &request.headers).ok()??;
    let scope = scope::Scope::of(&contract.scope, &request, input.template);
    Some((scope.clone().claim(&key), scope.caller()))
}

/// Who is asking: for every part that the contract names its kind, its name, and what the request has there.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity(Vec<(String, Vec<String>)>);

impl Identity {
    pub fn of(contract: &Contract, input: &Input) -> Self {
        let parts = contract.scope.parts.iter();
        Self(parts.map(|part| Self::part(part, input)).collect())
    }

    fn part(part: &ScopePart, input: &Input) -> (String, Vec<String>) {
        let one = |kind: &str, value: &str| (kind.to_owned(), vec![value.to_owned()]);
        match part {
            ScopePart::Header(name) => (format!("header {name}"), input.lines(name)),
            ScopePart::Claim(name) => match input.credentials.as_slice() {
                [credential] if credential.says(name).is_some() => {
                    let (kind, value) = credential.says(name).unwrap_or_default();
                    one(&format!("claim {name}, {kind}"), &value)
                }
                _ => (format!("claim {name}"), input.lines("authorization")),
            },
            ScopePart::Query(name) => {
                let pairs = input
                    .query
                    .iter()
                    .flatten()
                    .filter(|(other, _)| other == name);
                let values = pairs.map(|(_, value)| value.clone().unwrap_or_default());
                (format!("query {name}"), values.collect())
            }
            ScopePart::Host => one("host", &input.host),
            ScopePart::Method => one("method", input.method),
            ScopePart::Path => one("path", input.template),
            ScopePart::PathExact => one("path:exact", &input.path),
            ScopePart::Target => {
                let path = [input.path.clone()].into_iter();
                (
                    "target".to_owned(),
                    path.chain(input.query_text()).collect(),
                )
            }
            ScopePart::Literal(text) => one("literal", text),
        }
    }
}

/// `input` with one thing changed, for everything that can be changed by one.
pub fn changes(input: &Input, byte: char) -> Vec<(&'static str, Input)> {
    let mut all: Vec<(&'static str, Input)> = Vec::new();
    let mut add = |what, change: &dyn Fn(&mut Input)| {
        let mut other = input.clone();
        change(&mut other);
        all.push((what, other));
    };
    let raw = |text: &str| Credential::Raw(text.to_owned());
    add("nothing", &|_| {});
    add("a byte of the key", &|it| it.key.replace_range(0..1, "b"));
    add("another key", &|it| {
        it.key = "bb000000-0000-4000-8000-0000000000ab".to_owned()
    });
    add(
        "a byte of the credential",
        &|it| match it.credentials.first_mut() {
            Some(Credential::Raw(text) | Credential::Text(_, text)) => text.push(byte),
            Some(Credential::Number(_, value)) => *value += 1,
            None => it.credentials.push(raw("a")),
        },
    );
    add("a number for a text", &|it| {
        for credential in &mut it.credentials {
            if let Credential::Number(name, value) = credential {
                *credential = Credential::Text(name.clone(), value.to_string());
            }
        }
    });
    add("what a token says, said by the credential itself", &|it| {
        for credential in &mut it.credentials {
            if let Credential::Text(_, value) = credential {
                *credential = Credential::Raw(value.clone());
            }
        }
    });
    add("the claim under another name", &|it| {
        for credential in &mut it.credentials {
            if let Credential::Text(name, _) | Credential::Number(name, _) = credential {
                *name = if name == "sub" { "org" } else { "sub" }.to_owned();
            }
        }
    });
    add("no credential", &|it| it.credentials.clear());
    add("an empty credential", &|it| it.credentials = vec![raw("")]);
    add("one more credential", &|it| it.credentials.push(raw("")));
    add("the credentials in another order", &|it| {
        it.credentials.reverse()
    });
    add("another method", &|it| {
        it.method = if it.method == "POST" { "PATCH" } else { "POST" }
    });
    add("another host", &|it| it.host.push(byte));
    add("another path", &|it| it.path.push(byte));
    add("another template", &|it| it.template = "/b/*");
    add("no query", &|it| it.query = None);
    add("one more parameter", &|it| {
        it.query
            .get_or_insert_default()
            .push(("a".to_owned(), None))
    });
    add("a byte of a parameter", &|it| {
        if let Some((_, value)) = it.query.iter_mut().flatten().next() {
            value.get_or_insert_default().push(byte);
        }
    });
    add("the parameters in another order", &|it| {
        it.query.iter_mut().for_each(|pairs| pairs.reverse())
    });
    add("a byte of an API key", &|it| {
        lines_of(it, "x-api-key").push(byte.to_string())
    });
    add("another header", &|it| {
        it.headers.push(("x-other", vec!["a".to_owned()]))
    });
    add("absent for empty, and empty for absent", &|it| {
        let lines = lines_of(it, "x-a");
        if lines.is_empty() {
            lines.push(String::new())
        } else {
            lines.clear()
        }
    });
    add("the lines in another order", &|it| {
        lines_of(it, "x-a").reverse()
    });
    add("a line from one header to the next", &|it| {
        if let Some(line) = lines_of(it, "x-a").pop() {
            lines_of(it, "x-ab").push(line);
        }
    });
    add("two headers for each other", &|it| {
        let lines = std::mem::take(lines_of(it, "x-a"));
        let others = std::mem::replace(lines_of(it, "x-ab"), lines);
        *lines_of(it, "x-a") = others;
    });
    add("a byte from one header to the next", &|it| {
        let moved = lines_of(it, "x-a").last_mut().and_then(String::pop);
        if let (Some(moved), Some(line)) = (moved, lines_of(it, "x-ab").first_mut()) {
            line.insert(0, moved);
        }
    });
    add("a byte from one line to the next", &|it| {
        if let [one, other, ..] = lines_of(it, "x-a").as_mut_slice() {
            other.extend(one.pop());
        }
    });
    add(
        "two lines as one, with what the hasher writes between them",
        &|it| {
            let lines = lines_of(it, "x-a");
            *lines = vec![lines.join("value\u{1}")];
        },
    );
    add("a byte from the credential to the host", &|it| {
        if let Some(Credential::Raw(text)) = it.credentials.last_mut()
            && let Some(moved) = text.pop()
        {
            it.host.insert(0, moved);
        }
    });
    all
}

fn lines_of<'a>(input: &'a mut Input, name: &'static str) -> &'a mut Vec<String> {
    let at = input
        .headers
        .iter()
        .position(|(other, _)| *other == name)
        .unwrap_or_else(|| {
            input.headers.push((name, Vec::new()));
            input.headers.len() - 1
        });
    &mut input.headers.get_mut(at).expect("a place that is there").1
}
