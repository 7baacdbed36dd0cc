//! Path templates (rule 1.2): `/v1/orders/{id}`, `/v1/*`.

/// A path template. A final `*` stands for the whole rest, of one segment or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    segments: Vec<Segment>,
    rest: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// Exactly these bytes; may be empty.
    Literal(String),
    /// `{name}`: any one segment that is not empty.
    Any,
}

impl Segment {
    fn matches(&self, segment: &str) -> bool {
        match self {
            Self::Literal(text) => text == segment,
            Self::Any => !segment.is_empty(),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match other {
            Self::Literal(text) => self.matches(text),
            Self::Any => *self == Self::Any,
        }
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let Some(path) = text.strip_prefix('/') else {
            return Err((
                format!("{text:?} is not a path"),
                "a path begins with /, such as \"/v1/*\"".to_owned(),
            ));
        };
        let (path, rest) = match path.strip_suffix('*') {
            Some("") => ("", true),
            Some(front) => match front.strip_suffix('/') {
                Some(front) => (front, true),
                None => return Err(star()),
            },
            None => (path, false),
        };
        let mut segments = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        // "/*" is nothing but a rest: "".split would give one empty segment in front of it.
        if !(rest && path.is_empty() && text == "/*") {
            for part in path.split('/') {
                segments.push(segment(part, &mut names)?);
            }
        }
        Ok(Self {
            text: text.to_owned(),
            segments,
            rest,
        })
    }

    /// The template as the policy has it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a normalised path matches (rule 1.2).
    pub fn matches(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else {
            return false;
        };
        let mut parts = path.split('/');
        let front = self
            .segments
            .iter()
            .all(|segment| parts.next().is_some_and(|part| segment.matches(part)));
        front && parts.next().is_some() == self.rest
    }

    /// Whether every path that matches `other` matches this template too.
    pub fn covers(&self, other: &Self) -> bool {
        let length = match (self.rest, other.rest) {
            (false, false) => self.segments.len() == other.segments.len(),
            (false, true) => false,
            (true, false) => self.segments.len() < other.segments.len(),
            (true, true) => self.segments.len() <= other.segments.len(),
        };
        length
            && self
                .segments
                .iter()
                .zip(&other.segments)
                .all(|(mine, theirs)| mine.covers(theirs))
    }
}

fn star() -> (String, String) {
    (
        "a * stands only at the end, after a /".to_owned(),
        "write {name} for one segment, /* for the whole rest".to_owned(),
    )
}

fn segment<'t>(part: &'t str, names: &mut Vec<&'t str>) -> Result<Segment, (String, String)> {
    if let Some(name) = part
        .strip_prefix('{')
        .and_then(|part| part.strip_suffix('}'))
    {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || !name.bytes().all(plain) {
            return Err((
                format!("{part:?} has no name"),
                "write a name in the braces, such as {id}".to_owned(),
            ));
        }
        if names.contains(&name) {
            return Err((
                format!("{part:?} is there twice"),
                "give each segment a name of its own".to_owned(),
            ));
        }
        names.push(name);
        return Ok(Segment::Any);
    }
    if part.contains('*') {
        return Err(star());
    }
    if part.contains(['{', '}']) {
        let mend = "braces hold one whole segment: /{id}, not /order-{id}".to_owned();
        return Err((format!("{part:?} mixes a name and text"), mend));
    }
    literal(part).map(|()| Segment::Literal(part.to_owned()))
}

/// A literal that normalising (rule 1.3) would change could never match.
fn literal(part: &str) -> Result<(), (String, String)> {
    if part == "." || part == ".." {
        return Err((
            format!("{part:?} is a dot segment"),
            "write the path that it leads to".to_owned(),
        ));
    }
    let mut rest = part;
    while let Some(first) = rest.chars().next() {
        let escape = rest.get(..3).filter(|escape| escape.starts_with('%'));
        let step = match escape.and_then(|escape| u8::from_str_radix(escape.get(1..)?, 16).ok()) {
            Some(byte) => {
                let normal = if unreserved(byte) {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                };
                if escape != Some(normal.as_str()) {
                    let wrong = format!("{part:?} is not normalised (rule 1.3)");
                    return Err((
                        wrong,
                        format!("write {normal} for {}", escape.unwrap_or_default()),
                    ));
                }
                3
            }
            None if first.is_ascii()
                && (unreserved(first as u8) || "!$&'()+,;=:@".contains(first)) =>
            {
                1
            }
            None => {
                let mend = format!("write it percent-encoded: {}", encoded(first));
                return Err((format!("{first:?} cannot stand in a path"), mend));
            }
        };
        rest = rest.get(step..).unwrap_or_default();
    }
    Ok(())
}

fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn encoded(character: char) -> String {
    character
        .to_string()
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect()
}
