//! Single statements of the documents: the keys that they print, the words of single errors, what they never keep.

use reprise::protocol::code::Code;
use reprise::protocol::compiled;
use reprise::protocol::contract::{NeverThen, Test};
use reprise::protocol::key::Key;
use reprise::protocol::scope;

use crate::{contract, fixture, words};

#[test]
fn other_words_of_the_documents() {
    for (name, code, expected) in [
        ("resend", Code::KeyTooLong, " invalid_idempotency_key"),
        ("resend", Code::KeyEmpty, " invalid_idempotency_key"),
        (
            "acp",
            Code::KeyMissing,
            " invalid_request idempotency_key_required: Idempotency-Key header is required on all POST requests",
        ),
        (
            "surveycoder",
            Code::LedgerUnavailable,
            " SERVICE_UNAVAILABLE",
        ),
        ("surveycoder", Code::KeyTooLong, " VALIDATION_ERROR"),
    ] {
        assert_eq!(words(&contract(name), code), expected, "{name} {code:?}");
    }
}

#[test]
fn what_is_never_stored() {
    for name in compiled::CONTRACTS.iter().map(|(name, _)| *name) {
        let mut rules = contract(name).never_store;
        assert!(
            rules.iter().all(|rule| rule.then == NeverThen::Release),
            "{name}"
        );
        let tests: Vec<Test> = rules.drain(..).map(|rule| rule.test).collect();
        match name {
            "redactr" => {
                let [
                    Test::MediaTypeIsNot(json),
                    Test::Query(query, a),
                    Test::Form(form, b),
                    Test::Json(pointer, c),
                ] = tests.as_slice()
                else {
                    panic!("{tests:?}")
                };
                assert_eq!(json, &["application/json", "*+json"]);
                assert!(
                    [a, b, c]
                        .iter()
                        .all(|words| *words == &["text", "explanation"])
                );
                assert!(
                    [query, form]
                        .iter()
                        .all(|name| name.matches("fields") && name.matches("fields[suggestions]"))
                );
                assert_eq!(pointer, "/fields");
            }
            "adyen" => assert!(
                matches!(tests.as_slice(), [Test::AnswerHeader(name, words)] if name.matches("transient-error") && words == &["true"])
            ),
            _ => assert_eq!(tests, [], "{name}"),
        }
    }
}

/// The keys that the documents print, and keys that they rule out.
#[test]
fn rule_2_3_the_keys_of_the_documents() {
    let read = |name: &str, value: &str| {
        let contract = contract(name);
        let headers = fixture::headers(&[(&contract.key.header, value)]);
        Key::read(&contract.key, &headers).map(|key| key.map(|key| key.as_str().to_owned()))
    };
    for (name, key) in [
        ("semarize", "crm-sync:deal_123:call_456:kit_A1B2C3D4"),
        (
            "semarize",
            "ticket-review:ticket_987:message_654:kit_SUPPORT_QA",
        ),
        ("semarize", "batch_2026_06_16:row_000182:kit_A1B2C3D4"),
        ("surveycoder", "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"),
        (
            "redactr",
            "suggestions:9f3e2b8a-1d4c-4f5a-9e7b-2c1d8f3a4b5e",
        ),
        ("speechify", "4c7f0a78-0a61-42b4-8b8a-60b307b18f0c"),
        ("stripe", "KG5LxwFBepaKHyUD"),
        ("telnyx", "8e03978e-40d5-43e8-bc93-6894a57f9326"),
        ("iceberg", "017F22E2-79B0-7CC3-98C4-DC0C0C07398F"),
    ] {
        assert_eq!(read(name, key), Ok(Some(key.to_owned())), "{name} {key}");
    }
    for (name, key) in [
        ("telnyx", "a.b"),
        ("iceberg", "017F22E2-79B0-7CC3-98C4-DC0C0C07398"),
        ("iceberg", "017F22E279B07CC398C4DC0C0C07398F0000"),
        ("adyen", &"k".repeat(65)),
        ("increase", &"k".repeat(201)),
    ] {
        assert!(read(name, key).is_err(), "{name} {key}");
    }
    // Svix: as if there were none.
    assert_eq!(read("svix", "a b"), Ok(None));
}

/// Two sessions of one merchant, two paths of one operation: the template of their route is the same.
#[test]
fn rule_3_1_a_path_in_the_scope_is_the_requests_own() {
    let claim = |name: &str, url: &str| {
        let contract = contract(name);
        let request = fixture::request(
            "POST",
            url,
            &[("Idempotency-Key", "k"), ("Authorization", "Bearer a")],
        );
        let key = Key::read(&contract.key, &request.headers).unwrap().unwrap();
        scope::claim_id(&contract.scope, &request, "/{any}/*", &key)
    };
    for (name, query_counts) in [("acp", false), ("telnyx", false), ("svix", true)] {
        let here = claim(name, "https://h/sessions/1");
        assert_ne!(here, claim(name, "https://h/sessions/2"), "{name}");
        assert_eq!(here, claim(name, "https://h/x/../sessions/1"), "{name}");
        assert_eq!(
            here != claim(name, "https://h/sessions/1?a=b"),
            query_counts,
            "{name}"
        );
    }
}
