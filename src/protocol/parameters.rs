//! Lists and parameters in the value of a header (RFC 9110 §5.6): separators do not count between quotes.

/// The pieces of `text` between separators, without white space around them.
pub fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let pieces = text.split(move |character| {
        let separates = character == separator && !quoted;
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        separates
    });
    pieces.map(|piece| piece.trim_matches([' ', '\t']))
}

/// The name of `name=value`, and its value without quotes; an empty one where there is no `=`. `None` where the quotes are broken.
pub fn parameter(piece: &str) -> Option<(&str, String)> {
    let Some((name, value)) = piece.split_once('=') else {
        return Some((piece, String::new()));
    };
    let name = name.trim_end_matches([' ', '\t']);
    let value = value.trim_start_matches([' ', '\t']);
    let value = match value.strip_prefix('"') {
        Some(rest) => unquote(rest)?,
        None => value.to_owned(),
    };
    Some((name, value))
}

/// The content of a quoted string (RFC 9110 §5.6.4), given what follows its opening quote.
fn unquote(rest: &str) -> Option<String> {
    let mut value = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => break,
            '\\' => value.push(characters.next()?),
            character => value.push(character),
        }
    }
    characters.as_str().is_empty().then_some(value)
}
