//! From the text of a contract to the checked rules.
//!
//! `request`, `answer` and `outcome` have one function per table. A value of an axis that this version does not implement is
//! named there, with what it means, and refused (rule 10.2).

use super::errors::errors;
use super::headers::{methods, own_header};
use super::never_store::never_store;
use super::section::Section;
use super::{
    AuthorityRules, Contract, ErrorTemplate, FingerprintPart, KeyToOrigin, Placeholder, ScopePart,
    answer, outcome, request,
};
use crate::code::Code;

/// What stands at the top of a contract, and in a route that overrides it.
pub const CONTRACT_FIELDS: [&str; 13] = [
    "methods",
    "key",
    "scope",
    "fingerprint",
    "mismatch",
    "running",
    "unknown",
    "outcome",
    "replay",
    "authority",
    "retention",
    "errors",
    "gateway",
];

/// Reads a contract: from its file alone, or through the overrides of a route.
pub fn read(name: &str, top: &Section<'_>) -> Contract {
    top.missing("source", "name the document that this contract follows");
    let source = top
        .text("source")
        .map_or("", |source| source.value)
        .to_owned();
    top.allow(&CONTRACT_FIELDS);
    let outcome = top.table("outcome");
    let mismatch = answer::mismatch(&top.table("mismatch"));
    let running = answer::running(&top.table("running"));
    let unknown = answer::unknown(&top.table("unknown"));
    let status = |code: Code| match code {
        Code::KeyReused => mismatch.status,
        Code::RequestInProgress => running.status,
        Code::OutcomeUnknown => unknown.status,
        other => other.row().status,
    };
    let errors = errors(top, status);
    let contract = Contract {
        name: name.to_owned(),
        source,
        methods: methods(top),
        key: request::key(&top.table("key")),
        scope: request::scope(&top.table("scope")),
        fingerprint: request::fingerprint(&top.table("fingerprint")),
        mismatch,
        running,
        unknown,
        outcome: outcome::read(&outcome),
        never_store: never_store(&outcome),
        control_header: control_header(&outcome),
        replay: answer::replay(&top.table("replay")),
        authority: answer::authority(&top.table("authority")),
        retention: answer::retention(&top.table("retention")),
        errors,
        gateway: answer::gateway(&top.table("gateway")),
    };
    outcome.end();
    key_header_stands_alone(top, &contract);
    body_key_is_forwarded(top, &contract);
    claims_are_vouched_for(top, &contract);
    refusals_have_room(top, &contract);
    contract
}

fn control_header(outcome: &Section<'_>) -> Option<String> {
    let name = outcome.text("control_header")?;
    own_header(outcome, "control_header", &name)
}

/// The gateway does not check the signature of a token: a claim in it is what anybody wrote there, until the origin has
/// taken the token.
fn claims_are_vouched_for(top: &Section<'_>, contract: &Contract) {
    if contract.authority == AuthorityRules::None && contract.scope.names_a_claim() {
        let wrong =
            "a claim tells callers apart, and nobody checks the token's signature before a replay";
        let place = top.find("scope.parts").or_outer(top.find("authority.ask"));
        let mend = "add [authority] with ask = \"origin\" and a request that needs the token, such as request = \"GET /v1/me\"";
        top.refuse("scope.parts", place, wrong.to_owned(), mend);
    }
}

/// What a mismatch is asked to say needs a place in the body of the contract's own errors.
fn refusals_have_room(top: &Section<'_>, contract: &Contract) {
    let ErrorTemplate::Own { body, .. } = &contract.errors.template else {
        return;
    };
    let asks = [
        (
            "mismatch.explain",
            contract.mismatch.explain,
            Placeholder::Differences,
            "{differences}",
        ),
        (
            "mismatch.resource",
            contract.mismatch.resource.is_some(),
            Placeholder::ResourceId,
            "{resource_id}",
        ),
    ];
    for (field, asked, placeholder, word) in asks {
        let place = top.find(field);
        let written = !place.is_of_default();
        if asked && written && !body.has(placeholder) && !top.find("errors.body").wins_over(place) {
            let wrong = format!("has no effect: errors.body has no {word}");
            top.refuse(field, place, wrong, "add it to the body, or leave this out");
        }
    }
}

/// A body goes to the origin as it came, the key in it too.
fn body_key_is_forwarded(top: &Section<'_>, contract: &Contract) {
    let field = "gateway.key_to_origin";
    let as_it_came = contract.gateway.key_to_origin == KeyToOrigin::AsItCame;
    if contract.key.body.is_some() && !as_it_came {
        let wrong = "the key may stand in the body (key.body), which the origin gets as it came";
        let place = top.find(field).or_outer(top.find("key.body"));
        let mend = "use \"as-it-came\", or take the key from a header only";
        top.refuse(field, place, wrong.to_owned(), mend);
    }
}

/// The key is no part of what it is compared with, nor of what says whose it is; and the marker is not the key.
fn key_header_stands_alone(top: &Section<'_>, contract: &Contract) {
    let is_key = |name: &str| {
        name == contract.key.header || contract.key.aliases.iter().any(|alias| alias == name)
    };
    let scope = contract.scope.parts.iter().filter_map(|part| match part {
        ScopePart::Header(name) => Some(("scope.parts", name)),
        _ => None,
    });
    let compared = contract
        .fingerprint
        .parts
        .iter()
        .filter_map(|part| match part {
            FingerprintPart::Header(name) => Some(("fingerprint.parts", name)),
            _ => None,
        });
    let marker = std::iter::once(("replay.marker.header", &contract.replay.marker.header));
    let others = [
        ("key.first_sent", &contract.key.first_sent),
        ("outcome.control_header", &contract.control_header),
    ];
    let others = others
        .iter()
        .filter_map(|(field, name)| Some((*field, name.as_ref()?)));
    for (field, name) in scope
        .chain(compared)
        .chain(marker)
        .chain(others)
        .filter(|(_, name)| is_key(name))
    {
        let wrong = format!("{name:?} carries the key");
        let place = top
            .find(field)
            .or_outer(top.find("key.header"))
            .or_outer(top.find("key.aliases"));
        top.refuse(field, place, wrong, "name another header");
    }
}
