//! The contract's words for each refusal: which of several wins.

use reprise::protocol::code::Code;
use reprise::protocol::contract::Contract;
use reprise::protocol::policy::Policy;

const CONTRACT: &str = "\
source = \"a document\"
methods = [\"POST\"]
key = { header = \"X-Key\", code = \"KEY\" }
scope.parts = [\"host\"]
fingerprint.parts = [\"body\"]
mismatch = { status = 500, message = \"other\" }
outcome.store = [\"2xx\", \"3xx\", \"4xx\", \"5xx\"]
errors.codes = { 4xx = \"CLIENT\", 5xx = \"SERVER\", key-missing = \"MISSING\", outcome-unknown = \"UNKNOWN\" }
";

fn in_route(overrides: &str) -> Contract {
    let policy = format!(
        "origin = \"http://o\"\n[[routes]]\nmatch = \"POST /\"\ncontract = \"c\"\n{overrides}"
    );
    let policy = Policy::parse("p.toml", &policy, &[("c", CONTRACT)]).unwrap();
    policy.routes.into_iter().next().unwrap().contract.unwrap()
}

fn code(contract: &Contract, code: Code) -> String {
    let words = contract.errors.words(code);
    words
        .and_then(|words| words.code.clone())
        .unwrap_or_default()
}

#[test]
fn rule_10_4_a_name_wins_over_its_table_and_both_win_over_a_class() {
    let contract = in_route("");
    for (refusal, expected) in [
        (Code::KeyMissing, "MISSING"),
        (Code::KeyEmpty, "KEY"),
        (Code::FirstSentTooOld, "KEY"),
        (Code::BodyTooLarge, "CLIENT"),
        (Code::OutcomeUnknown, "UNKNOWN"),
        (Code::RequestInProgress, "CLIENT"),
        (Code::LedgerUnavailable, "SERVER"),
        // By the status that the contract gives it.
        (Code::KeyReused, "SERVER"),
    ] {
        assert_eq!(code(&contract, refusal), expected, "{refusal:?}");
    }
    let message = |code| {
        contract
            .errors
            .words(code)
            .and_then(|words| words.message.clone())
    };
    assert_eq!(message(Code::KeyReused), Some("other".to_owned()));
    assert_eq!(message(Code::KeyMissing), None);
}

#[test]
fn rule_10_4_a_route_replaces_one_word_and_leaves_the_others() {
    let named = in_route("errors.codes.key-reused = \"REUSED\"\n");
    assert_eq!(code(&named, Code::KeyReused), "REUSED");
    assert_eq!(code(&named, Code::OutcomeUnknown), "UNKNOWN");
    // The table of a route says it of the same refusal as the contract's list, and later.
    let tabled = in_route("unknown.code = \"WHO_KNOWS\"\nkey.code = \"NO_KEY\"\n");
    assert_eq!(code(&tabled, Code::OutcomeUnknown), "WHO_KNOWS");
    assert_eq!(code(&tabled, Code::KeyMissing), "NO_KEY");
    assert_eq!(code(&tabled, Code::BodyTooLarge), "CLIENT");
}
