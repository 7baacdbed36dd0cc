//! Which sites may read what the gateway itself answers: `[cors]`.

use super::super::contract::Section;

/// The sites of `[cors]` (rules 9.9 and 9.10): the origin's own answers say for themselves who may read them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins as a browser sends them (RFC 6454 §6.1), or `*`; none: no site.
    origins: Vec<String>,
    /// Whether these sites send cookies and credentials of the browser.
    credentials: bool,
}

impl Cors {
    /// The `Access-Control-Allow-Origin` for a request of the site `origin`; `None` where it may not read.
    pub fn allows<'a>(&'a self, origin: &'a str) -> Option<&'a str> {
        let any = self.origins.iter().any(|own| own == "*");
        if any {
            Some("*")
        } else {
            self.origins
                .iter()
                .any(|own| own == origin)
                .then_some(origin)
        }
    }

    /// Whether credentials are allowed.
    pub fn credentials(&self) -> bool {
        self.credentials
    }

    /// Whether any site is named.
    pub fn is_on(&self) -> bool {
        !self.origins.is_empty()
    }
}

/// Reads `[cors]`.
pub fn cors(cors: &Section<'_>) -> Cors {
    let mut origins = Vec::new();
    for text in cors
        .texts("origins")
        .map_or_else(Vec::new, |list| list.value)
    {
        if text.value == "*" || is_origin(text.value) {
            origins.push(text.value.to_owned());
        } else {
            let wrong = format!("{:?} is not the origin of a site", text.value);
            let mend = "write scheme and host as a browser sends them, such as \"https://app.example.com\", without a slash at the end; or \"*\"";
            cors.refuse("origins", text.place, wrong, mend);
        }
    }
    let credentials = cors.flag("credentials", false);
    if origins.is_empty() {
        let mend = "name the sites: origins = [\"https://app.example.com\"]";
        cors.idle(
            "credentials",
            "origins",
            "has no effect: no site is named",
            mend,
        );
    }
    if credentials && origins.iter().any(|origin| origin == "*") {
        let wrong =
            "browsers send no credentials where every site may read (Fetch §3.2.5)".to_owned();
        cors.refuse(
            "credentials",
            cors.find("credentials"),
            wrong,
            "name the sites",
        );
    }
    cors.end();
    Cors {
        origins,
        credentials,
    }
}

fn is_origin(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]_".contains(&byte);
    rest.is_some_and(|host| !host.is_empty() && host.bytes().all(plain))
}
