//! The contracts that come with the gateway, against what their documents say: each table states one side of all sixteen, in the
//! words of the files but read from the documents anew, so that a slip in a file shows.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "contracts/documents.rs"]
mod documents;
#[path = "protocol/fixture.rs"]
mod fixture;

use reprise::protocol::code::Code;
use reprise::protocol::compiled;
use reprise::protocol::contract::{
    Anonymous, Contract, ErrorTemplate, FingerprintPart, Hint, KeySyntax, LengthUnit, Malformed,
    MismatchRetry, Missing, Outcome, ReplayStatus, RequestId, RetentionFrom, ScopePart,
    WhileRunning,
};

fn contract(name: &str) -> Contract {
    let found = compiled::CONTRACTS.iter().find(|(known, _)| *known == name);
    let (_, text) = found.unwrap_or_else(|| panic!("there is no contract {name}"));
    Contract::parse(name, text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Compares every row, `NAME | WORDS`, with what `say` makes of that contract, and demands a row for each.
fn check(table: &str, say: impl Fn(&Contract) -> String) {
    let lines = table.lines().filter(|line| !line.trim().is_empty());
    let rows: Vec<(&str, &str)> = lines
        .map(|line| line.split_once('|').expect(line))
        .map(|(name, words)| (name.trim(), words.trim()))
        .collect();
    let wrong: Vec<String> = rows
        .iter()
        .map(|(name, expected)| (name, expected, say(&contract(name))))
        .filter(|(_, expected, said)| said != *expected)
        .map(|(name, expected, said)| format!("{name}\n  expected  {expected}\n  is        {said}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let mut named: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    named.sort_unstable();
    let known: Vec<&str> = compiled::CONTRACTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, known, "one row for each contract");
}

#[test]
fn which_requests_and_which_keys() {
    let say = |contract: &Contract| {
        let key = &contract.key;
        let syntax = match key.syntax {
            KeySyntax::Raw => "raw",
            KeySyntax::Quoted => "quoted",
            KeySyntax::Either => "either",
        };
        let unit = match key.unit {
            LengthUnit::Characters => "characters",
            LengthUnit::Bytes => "bytes",
        };
        let mut said = format!(
            "{}: {} {syntax}, {}..{} {unit}",
            contract.methods.join(","),
            key.header,
            key.min,
            key.max
        );
        for (holds, words) in [
            (key.pattern.is_some(), ", pattern"),
            (key.malformed == Malformed::Absent, ", malformed is none"),
            (key.missing == Missing::Refuse, ", required"),
            (key.echo, ", echoed"),
            (!key.aliases.is_empty(), ", aliases"),
            (key.first_sent.is_some(), ", first sent"),
        ] {
            said.push_str(if holds { words } else { "" });
        }
        said
    };
    check(
        "
            ietf            | POST,PATCH: idempotency-key either, 1..255 characters
            semarize        | POST: idempotency-key raw, 1..255 characters
            surveycoder     | POST,PUT,PATCH: idempotency-key raw, 1..255 characters
            redactr         | POST: idempotency-key raw, 1..255 characters
            speechify       | POST: idempotency-key raw, 1..255 characters
            stripe          | POST: idempotency-key raw, 1..255 characters
            whop            | POST: idempotency-key raw, 1..255 bytes
            modern-treasury | POST: idempotency-key raw, 1..255 characters
            acp             | POST: idempotency-key raw, 1..255 characters, required, echoed
            telnyx          | POST: idempotency-key raw, 1..255 characters, pattern
            resend          | POST: idempotency-key raw, 1..256 characters
            svix            | POST: idempotency-key raw, 1..1024 characters, malformed is none
            adyen           | POST: idempotency-key raw, 1..64 characters, echoed
            iceberg         | POST,DELETE: idempotency-key raw, 36..36 characters, pattern
            checkout        | POST: cko-idempotency-key raw, 1..255 characters
            increase        | POST: idempotency-key raw, 1..200 characters
        ",
        say,
    );
}

#[test]
fn who_is_asking_and_what_is_the_same() {
    let say = |contract: &Contract| {
        let scope = contract.scope.parts.iter().map(|part| match part {
            ScopePart::Header(name) => name.as_str(),
            ScopePart::Host => "host",
            ScopePart::Method => "method",
            ScopePart::PathExact => "path",
            ScopePart::Target => "target",
            other => panic!("{other:?}"),
        });
        let compared = contract.fingerprint.parts.iter().map(|part| match part {
            FingerprintPart::Method => "method",
            FingerprintPart::Path => "path",
            FingerprintPart::Query => "query",
            FingerprintPart::QueryRaw => "raw query",
            FingerprintPart::MediaType => "type",
            FingerprintPart::Header(name) => name,
            FingerprintPart::Body => "body",
            FingerprintPart::BodyExact => "exact body",
        });
        let anonymous = match contract.scope.anonymous {
            Anonymous::Own => "",
            Anonymous::Ignore => " (else no key)",
            Anonymous::Refuse => " (else refused)",
        };
        let list = |words: Vec<&str>| match words.is_empty() {
            true => "nothing".to_owned(),
            false => words.join(" + "),
        };
        format!(
            "{}{anonymous}: {}",
            list(scope.collect()),
            list(compared.collect())
        )
    };
    check(
        "
            ietf            | authorization + host: method + path + query + type + body
            semarize        | authorization + host: method + path + query + body
            surveycoder     | x-api-key: body
            redactr         | authorization: nothing
            speechify       | authorization: method + path + query + body
            stripe          | authorization + stripe-account: method + path + query + body
            whop            | authorization (else no key): method + path + raw query + api-version-date + exact body
            modern-treasury | authorization: nothing
            acp             | authorization + path: body
            telnyx          | authorization + method + path: query + exact body
            resend          | authorization: method + path + query + body
            svix            | authorization + target (else no key): nothing
            adyen           | x-api-key + authorization: method + path + query + body
            iceberg         | authorization: method + path + query + body
            checkout        | authorization: method + path + query + body
            increase        | authorization: method + path + query + body
        ",
        say,
    );
}

#[test]
fn a_known_key_with_another_request() {
    let say = |contract: &Contract| {
        if !contract.fingerprint.compare {
            return "–".to_owned();
        }
        let rules = &contract.mismatch;
        let mut said = format!("{}{}", rules.status, words(contract, Code::KeyReused));
        for (holds, words) in [
            (
                rules.retry == MismatchRetry::Never,
                "; no new key by itself",
            ),
            (
                rules.while_running == WhileRunning::RunningFirst,
                "; running first",
            ),
            (rules.resource.is_some(), "; with the resource"),
        ] {
            said.push_str(if holds { words } else { "" });
        }
        said
    };
    check(
        "
            ietf            | 422
            semarize        | 409; no new key by itself
            surveycoder     | 400 VALIDATION_ERROR: Idempotency-Key reused with different body
            redactr         | –
            speechify       | 409 idempotency_conflict: This Idempotency-Key was already used with a different request.
            stripe          | 400 idempotency_error idempotency_key_reused
            whop            | 400 idempotency_key_reused
            modern-treasury | –
            acp             | 422 invalid_request idempotency_conflict: Idempotency-Key has already been used with a different request body
            telnyx          | 422
            resend          | 409 invalid_idempotent_request; running first
            svix            | –
            adyen           | 422 validation
            iceberg         | 422 UnprocessableEntityException
            checkout        | 422 request_invalid idempotency_key_reused
            increase        | 409 idempotency_key_already_used_error; with the resource
        ",
        say,
    );
}

/// Type, code and message of a refusal, where the contract has words of its own.
fn words(contract: &Contract, code: Code) -> String {
    let words = contract.errors.words(code).cloned().unwrap_or_default();
    let before = |mark: &str, word: Option<String>| {
        word.map_or_else(String::new, |word| format!("{mark}{word}"))
    };
    before(" ", words.kind) + &before(" ", words.code) + &before(": ", words.message)
}

#[test]
fn edge_074_while_the_first_request_runs_and_when_nobody_knows() {
    let say = |contract: &Contract| {
        let rules = &contract.running;
        let wait = match rules.wait_ms {
            0 => String::new(),
            ms => format!("after {} s ", ms / 1000),
        };
        assert_eq!(rules.wait_cap_ms, rules.wait_ms, "{}", contract.name);
        assert_eq!(rules.retry_after_s, 2, "{}", contract.name);
        let (running, unknown) = (
            words(contract, Code::RequestInProgress),
            words(contract, Code::OutcomeUnknown),
        );
        format!(
            "{wait}{}{running}; {}{unknown}",
            rules.status, contract.unknown.status
        )
    };
    check(
        "
            ietf            | 409; 409
            semarize        | after 10 s 503; 409
            surveycoder     | after 10 s 503 SERVICE_UNAVAILABLE; 409 OUTCOME_UNKNOWN
            redactr         | 409; 409
            speechify       | 409 idempotency_conflict: The first request with this Idempotency-Key is still running.; 409 idempotency_outcome_unknown
            stripe          | 409 idempotency_error idempotency_key_in_use; 409 invalid_request_error idempotency_outcome_unknown
            whop            | 409 idempotency_key_in_use; 409 idempotency_outcome_unknown
            modern-treasury | 409; 409
            acp             | 409 invalid_request idempotency_in_flight: A request with this Idempotency-Key is currently being processed; 409 invalid_request idempotency_outcome_unknown
            telnyx          | 409; 409
            resend          | 409 concurrent_idempotent_requests; 409 idempotency_outcome_unknown
            svix            | after 5 s 503; 409
            adyen           | 422 validation 704: request already processed or in progress; 409 validation
            iceberg         | after 10 s 503 ServiceUnavailableException; 500 CommitStateUnknownException
            checkout        | 429 too_many_requests idempotency_request_in_progress; 409 request_invalid idempotency_outcome_unknown
            increase        | 409 idempotency_key_in_use_error; 409 idempotency_outcome_unknown_error
        ",
        say,
    );
}

/// Which statuses are replayed and which leave the key free; the rest is held. Classes, then what departs from its class.
#[test]
fn edge_087_edge_088_rule_7_1_the_outcome_of_every_status() {
    let say = |contract: &Contract| {
        let table = &contract.outcome;
        let events = [table.no_answer, table.broken_off, table.deadline];
        assert_eq!(
            (table.not_sent, events),
            (Outcome::Release, [Outcome::Hold; 3]),
            "{}",
            contract.name
        );
        let letter = |status| match table.status(status) {
            Outcome::Store => 's',
            Outcome::Release => 'r',
            Outcome::Hold => 'h',
        };
        // No contract makes an exception of the last status of a class.
        let class = |status: u16| letter(status / 100 * 100 + 99);
        let mut said: String = [299, 399, 499, 599].map(letter).into_iter().collect();
        for status in (200..=599).filter(|status| letter(*status) != class(*status)) {
            said.push_str(&format!(" {status}{}", letter(status)));
        }
        said
    };
    check(
        "
            ietf            | ssss 401r 403r 408r 425r 429r 501r 503r
            semarize        | sssr 401r 403r 408r 425r 429r
            surveycoder     | sssr 401r 403r 408r 425r 429r
            redactr         | ssss 401r 403r 429r
            speechify       | sssr 401r 403r 408r 425r 429r
            stripe          | ssss 401r 429r 503r
            whop            | sssh 401r 429r
            modern-treasury | srrr
            acp             | sssr 401r 403r 408r 425r 429r
            telnyx          | srrr
            resend          | srrr
            svix            | srrr
            adyen           | ssss 401r 403r 408r 425r 429r
            iceberg         | sssr 401r 403r 408r 419r 425r 429r
            checkout        | srrr
            increase        | ssss 401r 403r 408r 425r 429r 501r 503r
        ",
        say,
    );
}

#[test]
fn what_a_replay_looks_like_and_for_how_long() {
    let say = |contract: &Contract| {
        let replay = &contract.replay;
        assert_eq!(replay.status, ReplayStatus::Same, "{}", contract.name);
        assert_eq!(
            contract.retention.from,
            RetentionFrom::FirstSight,
            "{}",
            contract.name
        );
        let id = match replay.request_id {
            RequestId::Fresh => "fresh",
            RequestId::Verbatim => "verbatim",
        };
        let hours = contract.retention.ms / 3_600_000;
        assert_eq!(
            contract.retention.ms,
            hours * 3_600_000,
            "{}",
            contract.name
        );
        format!(
            "{}: {}, {id} id, {hours} h",
            replay.marker.header, replay.marker.value
        )
    };
    check(
        "
            ietf            | idempotent-replayed: true, fresh id, 24 h
            semarize        | idempotent-replayed: true, verbatim id, 24 h
            surveycoder     | idempotent-replayed: true, verbatim id, 24 h
            redactr         | x-idempotent-replayed: true, verbatim id, 24 h
            speechify       | idempotent-replayed: true, fresh id, 24 h
            stripe          | idempotent-replayed: true, fresh id, 24 h
            whop            | idempotent-replayed: true, fresh id, 24 h
            modern-treasury | idempotent-replayed: true, fresh id, 24 h
            acp             | idempotent-replayed: true, fresh id, 24 h
            telnyx          | idempotent-replayed: true, fresh id, 24 h
            resend          | idempotent-replayed: true, fresh id, 24 h
            svix            | idempotent-replayed: true, fresh id, 12 h
            adyen           | idempotent-replayed: true, fresh id, 168 h
            iceberg         | idempotent-replayed: true, fresh id, 24 h
            checkout        | idempotent-replayed: true, fresh id, 24 h
            increase        | idempotent-replayed: true, fresh id, 24 h
        ",
        say,
    );
}

#[test]
fn how_a_refusal_looks() {
    let say = |contract: &Contract| {
        let hints = contract.errors.hints.iter().map(|hint| match hint {
            Hint::XShouldRetry => "x-should-retry",
            Hint::StripeShouldRetry => "stripe-should-retry",
            Hint::RetryAfterMs => "retry-after-ms",
            Hint::TransientError => "transient-error",
        });
        let form = match &contract.errors.template {
            ErrorTemplate::ProblemJson => "problem".to_owned(),
            ErrorTemplate::Own { media_type, body } => {
                let filled = body.fill(&|word| Some(format!("{word:?}").into()));
                let json = if media_type == "application/json" {
                    ""
                } else {
                    media_type
                };
                format!("{json}{filled}").replace('"', "")
            }
        };
        let hints: Vec<&str> = hints.collect();
        format!("{form} {}", hints.join(" "))
    };
    check(
        "
            ietf            | problem x-should-retry
            semarize        | application/problem+json{code:Code,detail:Message,differences:Differences,retry_after_seconds:RetryAfter,status:Status,title:Title,type:Type} x-should-retry
            surveycoder     | {error:{code:Code,message:Message},request_id:RequestId} x-should-retry
            redactr         | problem x-should-retry
            speechify       | {error:{code:Code,message:Message},request_id:RequestId} x-should-retry
            stripe          | {error:{code:Code,message:Message,type:Type}} stripe-should-retry
            whop            | {error:{message:Message,type:Code}} x-should-retry
            modern-treasury | {errors:{code:Code,message:Message}} x-should-retry
            acp             | {code:Code,message:Message,type:Type} x-should-retry
            telnyx          | {errors:[{code:Code,detail:Message,title:Title}]} x-should-retry
            resend          | {message:Message,name:Code,statusCode:Status} x-should-retry
            svix            | {code:Code,detail:Message} x-should-retry
            adyen           | {errorCode:Code,errorType:Type,message:Message,status:Status} transient-error
            iceberg         | {error:{code:Status,message:Message,type:Type}} x-should-retry
            checkout        | {error_codes:[Code],error_type:Type,request_id:RequestId} x-should-retry
            increase        | {detail:Message,resource_id:ResourceId,status:Status,title:Title,type:Code} x-should-retry
        ",
        say,
    );
}
