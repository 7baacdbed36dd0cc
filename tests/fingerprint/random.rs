//! Random bodies, each of one seed, with all the spellings that mean the same.

use super::spelling::Json;
use std::collections::BTreeMap;

/// SplitMix64: small, and the same on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() >> 33).expect("31 bits") % count
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_be_bytes()[0]).collect()
    }
}

/// One part of a form, apart from its spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub name: &'static str,
    pub filename: Option<&'static str>,
    pub kind: Option<&'static str>,
    pub content: Vec<u8>,
}

const NAMES: [&str; 10] = ["a", "b", "", "a b", "a;b", "a=b", "é", "--b", "%22", "name"];
const FILENAMES: [Option<&str>; 8] = [
    None,
    None,
    Some("a"),
    Some("a.txt"),
    Some(""),
    Some("; name="),
    Some("ü x.pdf"),
    Some("--"),
];
const KINDS: [Option<&str>; 7] = [
    None,
    Some("text/plain"),
    Some("text/plain; charset=iso-8859-1"),
    Some("image/png"),
    Some("multipart/mixed; boundary=b"),
    Some("none"),
    Some(""),
];
/// What looks like the frame around it.
const PIECES: [&[u8]; 14] = [
    b"\r\n",
    b"\r",
    b"\n",
    b"-",
    b"--",
    b"--b",
    b"\r\n--",
    b"\r\n--b",
    b"a",
    b"b",
    b"\0",
    b"\xff",
    b"\r\n\r\n",
    b"Content-Disposition: form-data; name=\"a\"\r\n\r\n",
];

impl Part {
    pub fn random(random: &mut Random) -> Self {
        let mut content = Vec::new();
        for _ in 0..random.below(6) {
            content.extend(random.of(&PIECES));
        }
        if random.one_in(50) {
            // Across the pieces in which a chunk is read.
            content.extend(b"x".repeat(16 * 1024 - 100 + random.below(200)));
        }
        Self {
            name: random.of(&NAMES),
            filename: random.of(&FILENAMES),
            kind: random.of(&KINDS),
            content,
        }
    }

    /// Another part.
    fn change(&mut self, random: &mut Random) {
        let before = self.clone();
        while *self == before {
            match random.below(5) {
                0 => self.name = random.of(&NAMES),
                1 => self.filename = random.of(&FILENAMES),
                2 => self.kind = random.of(&KINDS),
                3 if !self.content.is_empty() => {
                    let at = random.below(self.content.len());
                    self.content[at] ^= 1 << random.below(8);
                }
                _ => {
                    let at = random.below(self.content.len() + 1);
                    self.content.insert(at, random.bytes(1)[0]);
                }
            }
        }
    }

    /// The lines of its head, with their line ends.
    fn head(&self, random: &mut Random) -> String {
        let space = |random: &mut Random| random.of(&["", " ", "\t", "  "]);
        let mut disposition = random.of(&["form-data", "Form-Data"]).to_owned();
        let mut parameter = |random: &mut Random, name: &str, value: &str| {
            let token = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_lowercase());
            let quote = if token && random.one_in(2) { "" } else { "\"" };
            let (before, after) = (space(random), space(random));
            disposition += &format!("{before};{after}{name}={quote}{value}{quote}");
        };
        let name = random.of(&["name", "Name"]);
        parameter(random, name, self.name);
        if let Some(filename) = self.filename {
            parameter(random, "filename", filename);
        }
        let colon = [":", ": ", ":\t "];
        let name = random.of(&["Content-Disposition", "content-disposition"]);
        let mut lines = vec![format!(
            "{name}{}{disposition}{}\r\n",
            random.of(&colon),
            space(random)
        )];
        if let Some(kind) = self.kind {
            let name = random.of(&["Content-Type", "CONTENT-TYPE"]);
            let (kind, rest) = kind
                .split_once(';')
                .map_or((kind, ""), |(kind, rest)| (kind, rest));
            let kind = match random.below(2) {
                // A type that does not parse counts as it is written.
                0 if kind.contains('/') => kind.to_ascii_uppercase(),
                _ => kind.to_owned(),
            };
            let rest = if rest.is_empty() {
                String::new()
            } else {
                format!(";{rest}")
            };
            lines.insert(
                random.below(2),
                format!(
                    "{name}{}{kind}{rest}{}\r\n",
                    random.of(&colon),
                    space(random)
                ),
            );
        }
        lines.concat()
    }
}

pub fn form(random: &mut Random) -> Vec<Part> {
    (0..random.below(4)).map(|_| Part::random(random)).collect()
}

/// Another form.
pub fn change_form(form: &[Part], random: &mut Random) -> Vec<Part> {
    let mut other = form.to_vec();
    while other == form {
        let length = other.len();
        match random.below(5) {
            0 => other.insert(random.below(length + 1), Part::random(random)),
            _ if length == 0 => {}
            1 => drop(other.remove(random.below(length))),
            2 => other.swap(random.below(length), random.below(length)),
            _ => other[random.below(length)].change(random),
        }
    }
    other
}

/// One of the texts of `form`, and its boundary.
pub fn write_form(form: &[Part], random: &mut Random) -> (String, Vec<u8>) {
    let heads: Vec<String> = form.iter().map(|part| part.head(random)).collect();
    let mut boundary = random
        .of(&["b", "-", "--", "----WebKitFormBoundary", "a b", "x:y", "c"])
        .to_owned();
    let inside = |boundary: &str, bytes: &[u8]| {
        let needle = format!("--{boundary}").into_bytes();
        bytes.windows(needle.len()).any(|window| window == needle)
    };
    while form.iter().any(|part| inside(&boundary, &part.content))
        || heads.iter().any(|head| inside(&boundary, head.as_bytes()))
    {
        boundary += &format!("{:x}", random.below(1 << 20));
    }
    let mut out = random
        .of(&["", "", "\r\n", "This is MIME.\r\n", "\r\n--\r\n"])
        .to_owned()
        .into_bytes();
    for (part, head) in form.iter().zip(heads) {
        let padding = random.of(&["", "", " ", "\t "]);
        out.extend(format!("--{boundary}{padding}\r\n{head}\r\n").bytes());
        out.extend(&part.content);
        out.extend(b"\r\n");
    }
    let end = random.of(&["", "\r\n", " \r\n", "\r\nepilogue", "\r\n\r\n--"]);
    // With one dash more, the boundary could begin there.
    let end = if boundary.starts_with('-') {
        "\r\n"
    } else {
        end
    };
    out.extend(format!("--{boundary}--{end}").bytes());
    (boundary, out)
}

/// A small JSON value: two of them are often the same.
pub fn json(random: &mut Random, depth: usize) -> Json {
    const TEXTS: [&str; 8] = ["", "a", "b", "é", "\u{1f600}", "\"", "\\n\n", "/~"];
    match random.below(if depth == 0 { 4 } else { 7 }) {
        0 => Json::Null,
        1 => Json::Bool(random.one_in(2)),
        2 => number(
            i64::try_from(random.below(2001)).expect("small") - 1000,
            random.below(9),
        ),
        3 => Json::Text(random.of(&TEXTS).to_owned()),
        4 => Json::Array(
            (0..random.below(4))
                .map(|_| json(random, depth - 1))
                .collect(),
        ),
        _ => {
            let members = (0..random.below(4))
                .map(|_| (random.of(&TEXTS).to_owned(), json(random, depth - 1)));
            Json::Object(members.collect::<BTreeMap<_, _>>())
        }
    }
}

/// In its one form: no zeros at the end of the mantissa.
fn number(mut mantissa: i64, exponent: usize) -> Json {
    let mut exponent = i32::try_from(exponent).expect("small") - 4;
    while mantissa != 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        exponent += 1;
    }
    Json::Number(mantissa, if mantissa == 0 { 0 } else { exponent })
}
