//! `[errors]`, and the `code` and `message` that stand in the tables of single refusals.

use crate::protocol::code::Code;

use super::answer::field_value;
use super::error_body::{ErrorBody, Placeholder};
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

/// The tables that may hold `code` and `message`, and the refusals that they are about.
const TABLES: [(&str, &[Code]); 4] = [
    ("key", &OF_THE_KEY),
    ("mismatch", &[Code::KeyReused]),
    ("running", &[Code::RequestInProgress]),
    ("unknown", &[Code::OutcomeUnknown]),
];

/// Reads `[errors]`, and the words of the tables beside it.
pub fn errors(top: &Section<'_>) -> ErrorRules {
    let errors = top.table("errors");
    let rules = ErrorRules {
        template: template(&errors),
        hints: hints(&errors),
        words: words(top, &errors),
    };
    errors.end();
    rules
}

/// Makes `code` and `message` known in a table whose words [`errors`] reads.
pub fn allow_words(section: &Section<'_>) {
    section.allow(&["code", "message"]);
}

fn template(errors: &Section<'_>) -> ErrorTemplate {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        ProblemJson,
        Own,
    }
    let kinds = [("problem+json", Kind::ProblemJson), ("own", Kind::Own)];
    let kind = errors.choice("template", Kind::ProblemJson, &kinds, &[]);
    let (media_type, body) = (errors.text("media_type"), errors.text("body"));
    if kind == Kind::ProblemJson {
        for (name, text) in [("media_type", &media_type), ("body", &body)] {
            if let Some(text) = text {
                let wrong = "belongs to template = \"own\"".to_owned();
                errors.refuse(name, text.place, wrong, "write template = \"own\" too");
            }
        }
        return ErrorTemplate::ProblemJson;
    }
    errors.missing("body", "write the JSON of an error, such as body = '{\"error\":{\"code\":\"{code}\",\"message\":\"{message}\"}}'");
    let parsed = body.and_then(|text| {
        let parsed = ErrorBody::parse(text.value);
        let refuse = |wrong: String| errors.refuse("body", text.place, wrong, "");
        parsed.map_err(refuse).ok()
    });
    let media_type = field_value(errors, "media_type");
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

fn words(top: &Section<'_>, errors: &Section<'_>) -> Vec<(Code, Words)> {
    let mut found: Vec<(Code, Words)> = Vec::new();
    for (table, codes) in TABLES {
        let section = top.table(table);
        let text = |name| field_value(&section, name);
        let words = Words {
            code: text("code"),
            message: text("message"),
        };
        if words != Words::default() {
            found.extend(codes.iter().map(|code| (*code, words.clone())));
        }
    }
    let codes = errors.table("codes");
    let messages = errors.table("messages");
    for (section, set) in [
        (
            &codes,
            (|words, text| words.code = Some(text)) as fn(&mut Words, String),
        ),
        (&messages, |words, text| words.message = Some(text)),
    ] {
        for name in section.names() {
            let Some(code) = Code::named(name.value) else {
                let known: Vec<&str> = Code::ALL.iter().map(|code| code.row().code).collect();
                let mend = nearest(name.value, &known)
                    .unwrap_or_else(|| "docs/reference/refusals.md lists the codes".to_owned());
                let wrong = "is not a refusal of this gateway".to_owned();
                section.refuse(name.value, name.place, wrong, &mend);
                continue;
            };
            let Some(text) = field_value(section, code.row().code) else {
                continue;
            };
            match found.iter_mut().find(|(named, _)| *named == code) {
                Some((_, words)) => set(words, text),
                None => {
                    let mut words = Words::default();
                    set(&mut words, text);
                    found.push((code, words));
                }
            }
        }
    }
    found
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
