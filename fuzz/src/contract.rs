//! The text of a contract (§10).

use crate::{answers, memory, policy};
use reprise::protocol::code::Code;
use reprise::protocol::contract::{
    AuthorityRules, Contract, KeyToOrigin, LeaseOver, ReplayStatus, ScopePart,
};
use reprise::protocol::exchange::Exchange;
use reprise::protocol::refusal::Refusal;
use reprise::protocol::time::Time;
use serde_json::json;

/// A table of TOML in memory is many times its text, and so is a problem that names every word that might have been meant.
pub const PER_BYTE: u64 = 2048;

/// How problems name the file.
pub const LABEL: &str = "contracts/fuzz.toml";

/// A contract.
pub fn target(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else {
        return false;
    };
    match memory::bounded(text.len(), PER_BYTE, || Contract::parse("fuzz", text)) {
        Err(problems) => {
            policy::are_located(&problems, text);
            false
        }
        Ok(contract) => {
            holds(&contract);
            assert_eq!(
                Contract::parse("fuzz", text),
                Ok(contract),
                "the same text is the same contract"
            );
            true
        }
    }
}

/// What every other room relies on.
pub fn holds(contract: &Contract) {
    let key = &contract.key;
    assert!(
        1 <= key.min && key.min <= key.max && key.max <= 1024,
        "rule 2.6"
    );
    assert!(!key.header.is_empty() && !contract.methods.is_empty());
    assert!(!contract.scope.parts.is_empty(), "rule 3.1");
    let claims = contract
        .scope
        .parts
        .iter()
        .any(|part| matches!(part, ScopePart::Claim(_)));
    assert!(
        !claims || contract.authority != AuthorityRules::None,
        "rule 3.7"
    );
    assert_eq!(
        contract.fingerprint.parts.is_empty(),
        !contract.fingerprint.compare,
        "rule 4.1"
    );
    assert!(
        contract.running.wait_ms <= 25_000 && contract.running.wait_cap_ms <= 25_000,
        "rule 2.14"
    );
    assert!(
        (60_000..=2_592_000_000).contains(&contract.retention.ms),
        "rule 5.8"
    );
    assert_eq!(
        contract.unknown.probe.is_some(),
        contract.unknown.lease_over == LeaseOver::Probe,
        "rule 5.24"
    );
    if let ReplayStatus::Mapped(statuses) = &contract.replay.status {
        assert!(
            statuses
                .iter()
                .all(|(from, to)| (200..=599).contains(from) && (200..=599).contains(to)),
            "rule 9.17"
        );
    }
    let forwarded = contract.gateway.key_to_origin == KeyToOrigin::AsItCame;
    assert!(key.body.is_none() || forwarded, "rule 2.15");
    refusals(contract);
}

/// Rule 9.13: every refusal can be said in the contract's words.
fn refusals(contract: &Contract) {
    let exchange = Exchange {
        id: "0".repeat(32),
        ..Exchange::default()
    };
    for code in Code::ALL {
        let refusal = Refusal::new(*code, "detail")
            .until(Time::from_millis(1_790_000_000_000))
            .explained(vec![json!({"part": "body"})])
            .about_resource(json!("id"));
        let (head, body) = refusal.answer(Some(contract), &exchange);
        answers::is_sound(&head, &body);
    }
}
