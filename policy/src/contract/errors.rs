//! `[errors]`, and the `code`, `message` and `type` that stand in the tables of single refusals.

use crate::code::Code;

use super::error_body::{EXAMPLE, ErrorBody, Placeholder};
use super::headers::media_range;
use super::problem::nearest;
use super::rules::{ErrorRules, ErrorTemplate, Hint, Words};
use super::section::Section;

/// The refusals about the key: what `[key]` says, it says of all of them.
const OF_THE_KEY: [Code; 9] = [
    Code::KeyMissing,
    Code::KeyEmpty,
    Code::KeyMalformed,
    Code::KeyRepeated,
    Code::KeyTooShort,
    Code::KeyTooLong,
    Code::KeyConflict,
    Code::FirstSentMalformed,
    Code::FirstSentTooOld,
];

/// The tables that may hold `code`, `message` and `type`, and the refusals that they are about.
const TABLES: [(&str, &[Code]); 4] = [
    ("key", &OF_THE_KEY),
    ("mismatch", &[Code::KeyReused]),
    ("running", &[Code::RequestInProgress]),
    ("unknown", &[Code::OutcomeUnknown]),
];

/// Reads `[errors]`, and the words of the tables beside it. `status` says with which status each refusal is sent.
pub fn errors(top: &Section<'_>, status: impl Fn(Code) -> u16) -> ErrorRules {
    let errors = top.table("errors");
    let rules = ErrorRules {
        template: template(&errors),
        hints: hints(&errors),
        words: words(top, &errors, status),
    };
    errors.end();
    rules
}

/// Makes `code`, `message` and `type` known in a table whose words [`errors`] reads.
pub fn allow_words(section: &Section<'_>) {
    section.allow(&["code", "message", "type"]);
}

fn template(errors: &Section<'_>) -> ErrorTemplate {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        ProblemJson,
        Own,
    }
    let kinds = [("problem+json", Kind::ProblemJson), ("own", Kind::Own)];
    let kind = errors.choice("template", Kind::ProblemJson, &kinds, &[]);
    if kind == Kind::ProblemJson {
        for name in ["media_type", "body"] {
            errors.idle(
                name,
                "template",
                "belongs to template = \"own\"",
                "write that too",
            );
        }
        return ErrorTemplate::ProblemJson;
    }
    errors.missing("body", EXAMPLE);
    let parsed = errors.text("body").and_then(|text| {
        let parsed = ErrorBody::parse(text.value);
        let refuse =
            |(wrong, mend): (String, String)| errors.refuse("body", text.place, wrong, &mend);
        parsed.map_err(refuse).ok()
    });
    let media_type = errors.text("media_type").map(|text| {
        media_range(errors, "media_type", &text, "\"application/json\"");
        text.value.to_owned()
    });
    match parsed {
        Some(body) => ErrorTemplate::Own {
            media_type: media_type.unwrap_or_else(|| "application/json".to_owned()),
            body,
        },
        None => ErrorTemplate::ProblemJson,
    }
}

fn hints(errors: &Section<'_>) -> Vec<Hint> {
    const HINTS: [(&str, Hint); 4] = [
        ("x-should-retry", Hint::XShouldRetry),
        ("stripe-should-retry", Hint::StripeShouldRetry),
        ("retry-after-ms", Hint::RetryAfterMs),
        ("transient-error", Hint::TransientError),
    ];
    let Some(list) = errors.texts("hints") else {
        return vec![Hint::XShouldRetry];
    };
    let mut hints = Vec::new();
    for word in &list.value {
        match HINTS.iter().find(|(name, _)| *name == word.value) {
            Some((_, hint)) if hints.contains(hint) => {
                let wrong = format!("{:?} is named twice", word.value);
                errors.refuse("hints", word.place, wrong, "name it once");
            }
            Some((_, hint)) => hints.push(*hint),
            None => errors.refuse_word("hints", word, &HINTS.map(|(name, _)| name), &[]),
        }
    }
    hints
}

fn words(
    top: &Section<'_>,
    errors: &Section<'_>,
    status: impl Fn(Code) -> u16,
) -> Vec<(Code, Words)> {
    let [codes, messages, kinds] = ["codes", "messages", "types"].map(|name| errors.table(name));
    let tables = TABLES.map(|(name, about)| (top.table(name), about));
    for section in [&codes, &messages, &kinds] {
        only_refusals(section);
    }
    let named = |code: &Code| {
        let table = tables.iter().find(|(_, about)| about.contains(code));
        let table = table.map(|(section, _)| section);
        let word = |own, field| word(*code, class(status(*code)), own, table, field);
        let words = Words {
            code: word(&codes, "code"),
            message: word(&messages, "message"),
            kind: word(&kinds, "type"),
        };
        (words != Words::default()).then_some((*code, words))
    };
    Code::ALL.iter().filter_map(named).collect()
}

/// The word for one refusal: by its name, else from the table that is about it (which wins where a route has it over a
/// contract's name), else for its class.
fn word(
    code: Code,
    class: &'static str,
    own: &Section<'_>,
    table: Option<&Section<'_>>,
    field: &'static str,
) -> Option<String> {
    let name = code.row().code;
    let table = table.filter(|table| table.find(field).wins_over(own.find(name)));
    table
        .and_then(|table| text(table, field))
        .or_else(|| text(own, name))
        .or_else(|| text(own, class))
}

/// What is read by people or by programs, in JSON: any text that fits on a line.
fn text(section: &Section<'_>, name: &'static str) -> Option<String> {
    let text = section.text(name)?;
    if text.value.trim().is_empty() || text.value.chars().any(char::is_control) {
        let wrong = format!("{:?} says nothing, or has a control character", text.value);
        section.refuse(
            name,
            text.place,
            wrong,
            "write text on one line, or leave it out",
        );
    }
    Some(text.value.to_owned())
}

/// The classes that stand for every refusal with such a status.
const CLASSES: [&str; 2] = ["4xx", "5xx"];

fn class(status: u16) -> &'static str {
    let [client, server] = CLASSES;
    if status < 500 { client } else { server }
}

fn only_refusals(section: &Section<'_>) {
    let known = |name: &str| CLASSES.contains(&name) || Code::named(name).is_some();
    for name in section.names().iter().filter(|name| !known(name.value)) {
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.row().code).collect();
        let mend = nearest(name.value, &codes).unwrap_or_else(|| {
            "docs/reference/refusals.md lists them; \"4xx\" and \"5xx\" stand for all others"
                .to_owned()
        });
        let wrong = "is not a refusal of this gateway".to_owned();
        section.refuse(name.value, name.place, wrong, &mend);
    }
}

impl ErrorRules {
    /// Whether a mismatch can say what differs: the body has room for it (F3).
    pub fn has_room_for_differences(&self) -> bool {
        match &self.template {
            ErrorTemplate::ProblemJson => true,
            ErrorTemplate::Own { body, .. } => body.has(Placeholder::Differences),
        }
    }
}
