//! What becomes of a claim, by what happened at the origin (docs/protocol.md §7): `[outcome]`.

use toml::de::DeValue;

use super::section::{Located, Section};
use super::source::Place;
use crate::order;

/// What becomes of a claim (O1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The answer is kept and replayed.
    Store,
    /// The claim is removed: the same key may run again.
    Release,
    /// The claim stays, as unknown: nothing runs again until it expires.
    Hold,
}

/// The outcome of everything that can happen (O1; rules 7.1 and 7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeTable {
    /// The outcome of 2xx, 3xx, 4xx and 5xx, where `exact` does not say otherwise.
    classes: [Outcome; 4],
    /// The outcome of single statuses, ordered by status.
    exact: Vec<(u16, Outcome)>,
    /// The request was not sent.
    pub not_sent: Outcome,
    /// It was sent, and no answer came.
    pub no_answer: Outcome,
    /// The answer began and did not end.
    pub broken_off: Outcome,
    /// The deadline passed first.
    pub deadline: Outcome,
    /// The origin was sent the beginning of a request whose end never came.
    pub upload_cut: Outcome,
    /// The outcome of the statuses that the edge makes, in the order of [`EDGE_STATUSES`] (rule 7.2).
    edge: [Outcome; EDGE_STATUSES.len()],
    /// What is kept of an answer that is too large to keep (O3; rule 8.2).
    pub too_large: TooLarge,
}

/// The statuses of Cloudflare's own error pages, and whether each says that the origin was not reached (platform
/// documentation, "Cloudflare 5xx errors").
pub const EDGE_STATUSES: [(u16, bool); 9] = [
    (520, false),
    (521, true),
    (522, false),
    (523, true),
    (524, false),
    (525, true),
    (526, true),
    (527, false),
    (530, true),
];

/// What is kept of an answer that is too large to keep (O3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooLarge {
    /// Its status and its headers; the operation never runs again.
    KeepHead,
}

impl OutcomeTable {
    /// The outcome of an answer with that status. Exact statuses win over classes (rule 7.1).
    pub fn status(&self, status: u16) -> Outcome {
        if let Ok(at) = self
            .exact
            .binary_search_by_key(&status, |(status, _)| *status)
            && let Some((_, outcome)) = self.exact.get(at)
        {
            return *outcome;
        }
        // A status outside 200 to 599 is no final answer: nobody knows what it means for the operation.
        class_index(status)
            .and_then(|at| self.classes.get(at))
            .copied()
            .unwrap_or(Outcome::Hold)
    }
}

impl OutcomeTable {
    /// The outcome of a page that the edge made with that status (rule 7.2); holds for a status that it does not make.
    pub fn edge(&self, status: u16) -> Outcome {
        let mut rows = EDGE_STATUSES.iter().zip(&self.edge);
        rows.find(|((made, _), _)| *made == status)
            .map_or(Outcome::Hold, |(_, outcome)| *outcome)
    }
}

fn class_index(status: u16) -> Option<usize> {
    usize::from(status / 100)
        .checked_sub(2)
        .filter(|at| *at < 4)
}

const WORDS: [(&str, Outcome); 3] = [
    ("store", Outcome::Store),
    ("release", Outcome::Release),
    ("hold", Outcome::Hold),
];

/// Reads `[outcome]`.
pub fn read(outcome: &Section<'_>) -> OutcomeTable {
    let (classes, exact) = statuses(outcome);
    // What did not arrive cannot be stored.
    let words = [("release", Outcome::Release), ("hold", Outcome::Hold)];
    let later = [("store", "keeping the gateway's own error as the answer")];
    let event = |name, default| outcome.choice(name, default, &words, &later);
    let (not_sent, no_answer) = (
        event("not_sent", Outcome::Release),
        event("no_answer", Outcome::Hold),
    );
    OutcomeTable {
        classes,
        exact,
        edge: edge(&outcome.table("edge"), not_sent, no_answer),
        not_sent,
        no_answer,
        broken_off: event("broken_off", Outcome::Hold),
        deadline: event("deadline", Outcome::Hold),
        // A message without its end is no request that a server may act on (RFC 9112 §8).
        upload_cut: event("upload_cut", Outcome::Release),
        too_large: outcome.choice(
            "too_large",
            TooLarge::KeepHead,
            &[("keep-head", TooLarge::KeepHead)],
            &[],
        ),
    }
}

/// Reads `[outcome.edge]`; what it leaves out is as `not_sent` or `no_answer`.
fn edge(
    edge: &Section<'_>,
    not_sent: Outcome,
    no_answer: Outcome,
) -> [Outcome; EDGE_STATUSES.len()] {
    const NAMES: [&str; EDGE_STATUSES.len()] = [
        "520", "521", "522", "523", "524", "525", "526", "527", "530",
    ];
    let words = [("release", Outcome::Release), ("hold", Outcome::Hold)];
    let mut outcomes = EDGE_STATUSES.map(|(_, unsent)| if unsent { not_sent } else { no_answer });
    for (name, outcome) in NAMES.into_iter().zip(&mut outcomes) {
        *outcome = edge.choice(name, *outcome, &words, &[]);
    }
    for name in edge
        .names()
        .iter()
        .filter(|name| !NAMES.contains(&name.value))
    {
        let wrong = "is no status that the edge makes (rule 7.2)".to_owned();
        edge.refuse(
            name.value,
            name.place,
            wrong,
            &format!("it makes {}", NAMES.join(", ")),
        );
    }
    outcomes
}

/// One status or class in one of the three lists.
struct Listed<'a> {
    list: &'static str,
    outcome: Outcome,
    place: Place<'a>,
}

type Classes = [Outcome; 4];

fn statuses(outcome: &Section<'_>) -> (Classes, Vec<(u16, Outcome)>) {
    let mut classes: [Option<Listed<'_>>; 4] = [const { None }; 4];
    let mut exact: Vec<(u16, Listed<'_>)> = Vec::new();
    for (list, what) in WORDS {
        let Some(entries) = outcome.values(list) else {
            continue;
        };
        for entry in &entries.value {
            let listed = Listed {
                list,
                outcome: what,
                place: entry.place,
            };
            match code(outcome, list, entry) {
                Some(Code::Class(at)) => {
                    let Some(slot) = classes.get_mut(at) else {
                        continue;
                    };
                    twice(outcome, &format!("{}xx", at + 2), slot.as_ref(), &listed);
                    *slot = Some(listed);
                }
                Some(Code::Exact(status)) => {
                    let earlier = exact
                        .iter()
                        .find(|(other, _)| *other == status)
                        .map(|(_, listed)| listed);
                    twice(outcome, &status.to_string(), earlier, &listed);
                    exact.push((status, listed));
                }
                None => {}
            }
        }
    }
    let missing: Vec<String> = (0..4)
        .filter(|at| matches!(classes.get(*at), Some(None)))
        .map(|at| format!("\"{}xx\"", at + 2))
        .collect();
    if !missing.is_empty() {
        let wrong = format!("no list says what becomes of {}", missing.join(", "));
        let mend = "every class stands in exactly one of store, release and hold; single statuses are its exceptions";
        outcome.refuse("store", outcome.find("store"), wrong, mend);
    }
    let mut sorted: Vec<(u16, Outcome)> = Vec::new();
    for (status, listed) in &exact {
        let entry = (*status, listed.outcome);
        order::insert(&mut sorted, entry, |(a, _), (b, _)| a <= b);
    }
    (
        classes.map(|listed| listed.map_or(Outcome::Hold, |listed| listed.outcome)),
        sorted,
    )
}

enum Code {
    Class(usize),
    Exact(u16),
}

fn code(
    outcome: &Section<'_>,
    list: &'static str,
    entry: &Located<'_, &DeValue<'_>>,
) -> Option<Code> {
    let Some(word) = entry.value.as_str() else {
        let status = outcome.in_range(list, entry, 200..=599, "a status")?;
        return u16::try_from(status).ok().map(Code::Exact);
    };
    let class = ["2xx", "3xx", "4xx", "5xx"]
        .iter()
        .position(|class| *class == word);
    if class.is_none() {
        let wrong = format!("{word:?} is not a class of statuses");
        outcome.refuse(
            list,
            entry.place,
            wrong,
            "write \"2xx\", \"3xx\", \"4xx\" or \"5xx\", or a status as a number",
        );
    }
    class.map(Code::Class)
}

fn twice<'a>(outcome: &Section<'a>, what: &str, earlier: Option<&Listed<'a>>, later: &Listed<'a>) {
    let Some(earlier) = earlier else { return };
    let place = later.place.or_outer(earlier.place);
    if earlier.list == later.list {
        outcome.refuse(
            later.list,
            place,
            format!("{what} is listed twice"),
            "list it once",
        );
    } else {
        let wrong = format!("{what} is in {} and in {}", earlier.list, later.list);
        let mend = "every status has exactly one outcome (rule 7.1): write one of the two lists without it";
        outcome.refuse(later.list, place, wrong, mend);
    }
}
