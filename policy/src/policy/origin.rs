//! The API behind the gateway: `origin = "https://api.example.com/base"`.

use super::super::contract::Section;

/// Where guarded and passed requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The URL as given, without a trailing slash. A request's path is appended to it.
    pub url: String,
    /// Host and port as given, in lower case: to tell the origin from the gateway itself.
    pub host: String,
}

const EXAMPLE: &str = "write an absolute URL, such as origin = \"https://api.example.com\"";

/// Reads `origin`.
pub fn read(top: &Section<'_>) -> Origin {
    let nowhere = Origin {
        url: String::new(),
        host: String::new(),
    };
    top.missing("origin", EXAMPLE);
    let Some(text) = top.text("origin") else {
        return nowhere;
    };
    parse(text.value).unwrap_or_else(|(wrong, mend)| {
        // A text with an @ may hold a password, and this message goes to the log of a build.
        let shown = if text.value.contains('@') {
            "the URL".to_owned()
        } else {
            format!("{:?}", text.value)
        };
        top.refuse("origin", text.place, format!("{shown} {wrong}"), mend);
        nowhere
    })
}

type Fault = (&'static str, &'static str);

fn parse(url: &str) -> Result<Origin, Fault> {
    let lower = url.to_ascii_lowercase();
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| lower.starts_with(scheme));
    let Some(rest) = scheme.and_then(|scheme| url.get(scheme.len()..)) else {
        return Err(("is not an http or https URL", EXAMPLE));
    };
    if rest.contains('?') || rest.contains('#') {
        return Err((
            "has a query or a fragment",
            "leave it out: requests bring their own",
        ));
    }
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    if authority.contains('@') {
        return Err((
            "holds credentials",
            "leave them out: the credentials of each request are forwarded",
        ));
    }
    check_authority(authority)?;
    let path = path.strip_suffix('/').unwrap_or(path);
    if !is_prefix(path) {
        return Err((
            "has a path that cannot be a prefix",
            "write plain segments, such as http://host/base",
        ));
    }
    let front = url.len() - rest.len();
    let url = url
        .get(..front + authority.len() + path.len())
        .unwrap_or(url);
    Ok(Origin {
        url: url.to_owned(),
        host: authority.to_ascii_lowercase(),
    })
}

fn check_authority(authority: &str) -> Result<(), Fault> {
    let wrong_host = ("has no valid host", EXAMPLE);
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (address, port) = bracketed.split_once(']').ok_or(wrong_host)?;
            address
                .parse::<std::net::Ipv6Addr>()
                .map_err(|_| wrong_host)?;
            ("", port)
        }
        None => authority
            .find(':')
            .map_or((authority, ""), |at| authority.split_at(at)),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if (host.is_empty() && !authority.starts_with('[')) || !host.bytes().all(plain) {
        return Err(wrong_host);
    }
    match port.strip_prefix(':').map(str::parse::<u16>) {
        Some(Ok(1..)) => Ok(()),
        None if port.is_empty() => Ok(()),
        _ => Err(("has no valid port", "a port is a number from 1 to 65535")),
    }
}

fn is_prefix(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@".contains(&byte);
    path.is_empty()
        || path
            .split('/')
            .skip(1)
            .all(|part| !matches!(part, "" | "." | "..") && part.bytes().all(plain))
}

impl std::str::FromStr for Origin {
    type Err = String;

    /// As `origin` in a policy.
    fn from_str(url: &str) -> Result<Self, String> {
        parse(url).map_err(|(wrong, mend)| format!("{wrong}; {mend}"))
    }
}
