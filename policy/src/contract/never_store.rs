//! `[[outcome.never_store]]`: what is not kept although its status says so (O2).

use super::headers::{header_name, media_range};
use super::parts::pointer;
use super::pattern::NamePattern;
use super::rules::{NeverStore, NeverThen, Test};
use super::section::{Located, Section};

/// Reads all of them.
pub fn never_store(outcome: &Section<'_>) -> Vec<NeverStore> {
    let rules = outcome.tables("never_store");
    let items = rules
        .into_iter()
        .map(|layer| outcome.item("never_store", layer));
    items.filter_map(|rule| read(&rule)).collect()
}

fn read(rule: &Section<'_>) -> Option<NeverStore> {
    let thens = [("release", NeverThen::Release), ("spent", NeverThen::Spent)];
    let then = rule.choice("then", NeverThen::Release, &thens, &[]);
    let test = match (rule.text("request"), rule.text("answer")) {
        (Some(kind), None) => of_request(rule, &kind),
        (None, Some(kind)) => of_answer(rule, &kind),
        (both, _) => {
            let wrong = if both.is_some() {
                "one rule looks at the request or at the answer, not at both"
            } else {
                "does not say what it looks at"
            };
            let mend = "write either request = \"query\" or answer = \"media-type\"; two rules for two tests";
            let place = if both.is_some() {
                rule.find("answer")
            } else {
                rule.home()
            };
            rule.refuse("request", place, wrong.to_owned(), mend);
            rule.allow(&["name", "pointer", "has", "is", "not"]);
            None
        }
    };
    rule.end();
    Some(NeverStore { test: test?, then })
}

fn of_request(rule: &Section<'_>, kind: &Located<'_, &str>) -> Option<Test> {
    match kind.value {
        "query" => Some(Test::Query(name(rule)?, has(rule))),
        "form" => Some(Test::Form(name(rule)?, has(rule))),
        "json" => Some(Test::Json(pointed(rule)?, has(rule))),
        "header" => Some(Test::Header(header(rule)?, has(rule))),
        _ => {
            rule.refuse_word("request", kind, &["query", "form", "json", "header"], &[]);
            rule.allow(&["name", "pointer", "has"]);
            None
        }
    }
}

fn of_answer(rule: &Section<'_>, kind: &Located<'_, &str>) -> Option<Test> {
    match kind.value {
        "media-type" => media_type(rule),
        "json" => Some(Test::AnswerJson(pointed(rule)?, has(rule))),
        "header" => Some(Test::AnswerHeader(header(rule)?, has(rule))),
        _ => {
            rule.refuse_word("answer", kind, &["media-type", "header", "json"], &[]);
            rule.allow(&["name", "pointer", "has", "is", "not"]);
            None
        }
    }
}

fn media_type(rule: &Section<'_>) -> Option<Test> {
    let list = |name| {
        let list = rule.texts(name)?;
        for text in &list.value {
            media_range(
                rule,
                name,
                text,
                "\"application/pdf\", \"text/*\" or \"*+json\"",
            );
        }
        let lower = |text: &Located<'_, &str>| text.value.to_ascii_lowercase();
        Some(list.value.iter().map(lower).collect::<Vec<_>>())
    };
    let wrong = match (list("is"), list("not")) {
        (Some(is), None) if !is.is_empty() => return Some(Test::MediaTypeIs(is)),
        (None, Some(not)) if !not.is_empty() => return Some(Test::MediaTypeIsNot(not)),
        (Some(_), Some(_)) => "has both is and not",
        _ => "names no media type",
    };
    let mend = "write is = [\"application/pdf\"], or not = [\"application/json\", \"*+json\"]";
    rule.refuse("answer", rule.find("answer"), wrong.to_owned(), mend);
    None
}

fn name(rule: &Section<'_>) -> Option<NamePattern> {
    rule.missing(
        "name",
        "name the parameter or field; a final * stands for any rest",
    );
    let name = rule.text("name").map(|name| NamePattern::new(name.value));
    rule.allow(&["has"]);
    name
}

fn header(rule: &Section<'_>) -> Option<NamePattern> {
    rule.missing("name", "name the header");
    rule.allow(&["has"]);
    let name = rule.text("name")?;
    header_name(rule, "name", &name).map(NamePattern::new)
}

fn pointed(rule: &Section<'_>) -> Option<String> {
    rule.missing("pointer", "write a JSON pointer, such as \"/fields\"");
    rule.allow(&["has"]);
    let text = rule.text("pointer")?;
    let segments: Vec<&str> = text.value.split('/').skip(1).collect();
    if segments.contains(&"**") && !matches!(segments.as_slice(), ["**", member] if *member != "**")
    {
        let wrong = format!("{:?} is not understood", text.value);
        let mend = "\"/**/NAME\" names every member of that name; ** stands nowhere else";
        rule.refuse("pointer", text.place, wrong, mend);
    }
    pointer(rule, "pointer", &text)
}

/// The words that are looked for; none of them: being there is enough.
fn has(rule: &Section<'_>) -> Vec<String> {
    let words = rule.texts("has").map_or_else(Vec::new, |list| list.value);
    for word in words
        .iter()
        .filter(|word| word.value.is_empty() || word.value.contains([',', ' ']))
    {
        let wrong = format!("{:?} is not one word", word.value);
        rule.refuse(
            "has",
            word.place,
            wrong,
            "values are split at commas and spaces: write one word",
        );
    }
    words.iter().map(|word| word.value.to_owned()).collect()
}
