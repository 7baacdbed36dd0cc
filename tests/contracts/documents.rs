//! Single statements of the documents: the keys that they print, the words of single errors, what they never keep.

use reprise::protocol::code::Code;
use reprise::protocol::compiled;
use reprise::protocol::contract::NeverThen;
use reprise::protocol::key::Key;
use reprise::protocol::never_store;
use reprise::protocol::request::Body;
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

/// Redactr: what reveals extracted text, by how it is asked for or by what comes back, and what is not JSON.
#[test]
fn edge_125_edge_128_rule_8_10_redactr_keeps_nothing_that_was_extracted() {
    let rules = contract("redactr").never_store;
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let json = ("Content-Type", "application/json");
    for (query, header, body, reveals) in [
        ("fields=text", form, "", true),
        ("fields=id,explanation", form, "", true),
        ("fields%5Bsuggestions%5D=text", form, "", true),
        ("fields=id,label", form, "", false),
        ("fields=context", form, "", false),
        (
            "",
            form,
            "agent=english-dsar&fields[suggestions]=explanation",
            true,
        ),
        ("", form, "agent=text", false),
        (
            "",
            json,
            r#"{"fields":{"suggestions":["id","text"]}}"#,
            true,
        ),
        ("", json, r#"{"text":"text","fields":["id"]}"#, false),
    ] {
        let url = format!("https://h/v1/suggestions?{query}");
        let request = fixture::request("POST", &url, &[header]);
        let body = Body::Bytes(body.as_bytes().to_vec());
        let then = reveals.then_some(NeverThen::Release);
        assert_eq!(
            never_store::by_request(&rules, &request, Some(&body)),
            then,
            "{query} {body:?}"
        );
    }
    let pdf = ("Content-Type", "application/pdf");
    for (header, body, reveals) in [
        (json, r#"{"data":[{"id":1,"label":"name"}]}"#, false),
        (json, r#"{"data":[{"id":1,"text":"Jane Doe"}]}"#, true),
        (json, r#"{"data":{"a":[[{"explanation":null}]]}}"#, true),
        (json, r#"{"context":"text"}"#, false),
        (
            ("Content-Type", "application/problem+json"),
            r#"{"title":"rejected"}"#,
            false,
        ),
        (pdf, "%PDF-1.7", true),
        (pdf, "", false),
    ] {
        let headers = fixture::headers(&[header]);
        let said = never_store::by_answer(&rules, &headers, Some(body.as_bytes()));
        assert_eq!(
            said,
            reveals.then_some(NeverThen::Release),
            "{header:?} {body}"
        );
    }
}

/// Adyen: after a transient error, the same key is new.
#[test]
fn rule_8_11_adyen_keeps_no_transient_error() {
    let rules = contract("adyen").never_store;
    for (value, then) in [("true", Some(NeverThen::Release)), ("false", None)] {
        let headers = fixture::headers(&[("Transient-Error", value)]);
        assert_eq!(
            never_store::by_answer(&rules, &headers, Some(b"{}")),
            then,
            "{value}"
        );
    }
    for (name, _) in compiled::CONTRACTS {
        let some = matches!(*name, "adyen" | "redactr");
        assert_eq!(!contract(name).never_store.is_empty(), some, "{name}");
    }
}

/// The keys that the documents print, and keys that they rule out.
#[test]
fn edge_004_rule_2_3_the_keys_of_the_documents() {
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

/// No contract has a mode of its own for UUIDs: a pattern takes either case, and two spellings are two keys.
#[test]
fn edge_019_rule_2_8_a_uuid_in_the_other_case_is_another_key() {
    let contract = contract("iceberg");
    let read = |value: &str| {
        let headers = fixture::headers(&[("Idempotency-Key", value)]);
        Key::read(&contract.key, &headers).unwrap().unwrap()
    };
    let upper = "017F22E2-79B0-7CC3-98C4-DC0C0C07398F";
    assert_ne!(read(upper), read(&upper.to_lowercase()));
    assert_eq!(read(upper), read(upper));
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
        scope::Scope::of(&contract.scope, &request, "/{any}/*").claim(&key)
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
