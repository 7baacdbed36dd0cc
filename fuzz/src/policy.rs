//! The text of a policy (§10).

use crate::{contract, memory};
use reprise::protocol::compiled;
use reprise::protocol::contract::Problems;
use reprise::protocol::policy::Policy;

/// What the compiled-in contracts take while they are read.
const CONTRACTS: u64 = 4 * 1024 * 1024;

/// A policy. Its contracts are those that are compiled in.
pub fn target(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else {
        return false;
    };
    let parse = || Policy::parse("POLICY", text, compiled::CONTRACTS);
    match memory::bounded_beside(CONTRACTS, text.len(), contract::PER_BYTE, parse) {
        Err(problems) => {
            are_located(&problems, text);
            false
        }
        Ok(policy) => {
            holds(&policy);
            assert_eq!(parse(), Ok(policy), "the same text is the same policy");
            true
        }
    }
}

/// Rule 10.1: every problem has a place and says something, on one line.
pub fn are_located(problems: &Problems, text: &str) {
    assert!(!problems.0.is_empty());
    let lines = text.split('\n').count();
    for problem in &problems.0 {
        let of_the_text =
            !problem.file.starts_with("contracts/") || problem.file == contract::LABEL;
        assert!(
            !of_the_text || (1..=lines).contains(&problem.line),
            "{problem} of {lines} lines"
        );
        assert!(!problem.wrong.is_empty());
        assert!(
            !problem.to_string().contains(['\n', '\r', '\0']),
            "{problem:?}"
        );
    }
}

/// What the edge relies on.
fn holds(policy: &Policy) {
    assert!(!policy.routes.is_empty());
    assert!(
        policy.origin.url.to_ascii_lowercase().starts_with("http")
            && !policy.origin.url.ends_with('/')
    );
    assert!(policy.ledger.own.count >= 1);
    let limits = &policy.limits;
    assert!((1..=5 << 30).contains(&limits.request_body), "rule 4.12");
    assert!(limits.buffered_body <= 32 << 20, "rule 4.22");
    assert!(
        (1 << 10..=128 << 10).contains(&limits.request_head),
        "rule 4.23"
    );
    for route in &policy.routes {
        let Some(own) = &route.contract else { continue };
        assert!(route.deadline_ms < route.lease_ms, "rule 6.4");
        assert!(route.lease_ms < own.retention.ms, "rule 5.8");
        assert!(
            !route.methods.is_empty()
                && route
                    .methods
                    .iter()
                    .all(|method| own.methods.contains(method)),
            "rule 1.4"
        );
        contract::holds(own);
    }
    assert!(policy.route("OPTIONS", "/").is_none(), "rule 1.4");
}
