//! The tables of a contract about the answer: what a refusal says, what a replay carries, how long a claim is kept.

use super::headers::{deny_list, own_header};
use super::section::{Located, Section};
use super::{
    AfterExpiry, Authority, ErrorTemplate, GatewayRules, KeyToOrigin, LeaseOver, LedgerDown,
    Marker, MismatchRetry, MismatchRules, ReplayRules, ReplayStatus, RequestId, RetentionFrom,
    RetentionRules, RunningAnswer, RunningRules, Signals, UnknownRules, WhileRunning,
};

/// Reads `[mismatch]`.
pub fn mismatch(mismatch: &Section<'_>) -> MismatchRules {
    let retry = [
        ("new-key", MismatchRetry::NewKey),
        ("never", MismatchRetry::Never),
    ];
    let order = [("mismatch-first", WhileRunning::MismatchFirst)];
    let later = [("running-first", "the answer of the running attempt wins")];
    let rules = MismatchRules {
        status: refusal_status(mismatch, 422),
        retry: mismatch.choice("retry", MismatchRetry::NewKey, &retry, &[]),
        while_running: mismatch.choice(
            "while_running",
            WhileRunning::MismatchFirst,
            &order,
            &later,
        ),
    };
    own_words(mismatch);
    mismatch.end();
    rules
}

/// Reads `[running]`.
pub fn running(running: &Section<'_>) -> RunningRules {
    let later = [("wait", "waiting for the first attempt")];
    let rules = RunningRules {
        answer: running.choice(
            "answer",
            RunningAnswer::Refuse,
            &[("refuse", RunningAnswer::Refuse)],
            &later,
        ),
        status: refusal_status(running, 409),
        retry_after_s: u32::try_from(
            running
                .number("retry_after", 1..=60, "a whole number of seconds", 2)
                .value,
        )
        .unwrap_or(2),
    };
    own_words(running);
    let mend = "use answer = \"refuse\", and leave it out";
    running.later("wait_seconds", "waiting for the first attempt", mend);
    running.later("wait_cap_seconds", "a cap for `Prefer: wait`", mend);
    running.later(
        "hints",
        "a hint beside Retry-After (x-should-retry, retry-after-ms)",
        "leave it out",
    );
    running.end();
    rules
}

/// Reads `[unknown]`.
pub fn unknown(unknown: &Section<'_>) -> UnknownRules {
    let later = [("run-again", "running an operation again that may have run")];
    let rules = UnknownRules {
        status: refusal_status(unknown, 409),
        lease_over: unknown.choice(
            "lease_over",
            LeaseOver::Hold,
            &[("hold", LeaseOver::Hold)],
            &later,
        ),
    };
    own_words(unknown);
    unknown.end();
    rules
}

fn refusal_status(section: &Section<'_>, default: u16) -> u16 {
    let status = section.number("status", 400..=599, "a status", i64::from(default));
    u16::try_from(status.value).unwrap_or(default)
}

/// The wording of a refusal is the gateway's until error templates (E1) are there.
fn own_words(section: &Section<'_>) {
    section.later(
        "code",
        "a code of the contract's own",
        "leave it out: docs/reference/refusals.md lists the codes",
    );
    section.later("message", "a message of the contract's own", "leave it out");
}

/// Reads `[replay]`.
pub fn replay(replay: &Section<'_>) -> ReplayRules {
    let request_id = [
        ("fresh", RequestId::Fresh),
        ("verbatim", RequestId::Verbatim),
    ];
    let mut deny = deny_list(replay, "deny").unwrap_or_else(|| {
        replay.missing(
            "deny",
            "list the headers that are not replayed, as contracts/ietf.toml does; [] denies none",
        );
        Vec::new()
    });
    deny.extend(deny_list(replay, "deny_also").unwrap_or_default());
    deny.sort();
    deny.dedup();
    let rules = ReplayRules {
        status: status_of_replay(replay),
        deny,
        marker: marker(&replay.table("marker")),
        request_id: replay.choice("request_id", RequestId::Fresh, &request_id, &[]),
    };
    replay.later(
        "allow",
        "a list of the only headers to replay",
        "use deny and deny_also",
    );
    replay.end();
    rules
}

/// `status` is a word today and would be a table (`{ 201 = 200 }`) for a mapped one (R1).
fn status_of_replay(replay: &Section<'_>) -> ReplayStatus {
    if replay
        .get("status")
        .is_some_and(|entry| entry.value.is_table())
    {
        replay.later("status", "a mapped status", "use \"same\"");
        return ReplayStatus::Same;
    }
    replay.choice(
        "status",
        ReplayStatus::Same,
        &[("same", ReplayStatus::Same)],
        &[],
    )
}

fn marker(marker: &Section<'_>) -> Marker {
    let header = match marker.text("header") {
        Some(name) => own_header(marker, "header", &name),
        None => Some("idempotent-replayed".to_owned()),
    };
    let rules = Marker {
        header: header.unwrap_or_default(),
        value: field_value(marker, "value").unwrap_or_else(|| "true".to_owned()),
        first: field_value(marker, "first"),
    };
    if rules.first.as_ref() == Some(&rules.value) {
        let wrong = format!(
            "a first answer would carry {:?} too, like a replay",
            rules.value
        );
        marker.refuse(
            "first",
            marker.find("first"),
            wrong,
            "choose another value, or leave it out",
        );
    }
    marker.end();
    rules
}

fn field_value(section: &Section<'_>, name: &'static str) -> Option<String> {
    let text: Located<'_, &str> = section.text(name)?;
    let plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if text.value.is_empty() || text.value.trim() != text.value || !text.value.bytes().all(plain) {
        let wrong = format!("{:?} cannot be the value of a header", text.value);
        section.refuse(
            name,
            text.place,
            wrong,
            "visible ASCII is meant, without spaces around it",
        );
    }
    Some(text.value.to_owned())
}

/// Reads `[authority]`.
pub fn authority(authority: &Section<'_>) -> Authority {
    let later = [("origin", "asking the origin before a replay")];
    let ask = authority.choice("ask", Authority::None, &[("none", Authority::None)], &later);
    authority.later(
        "request",
        "asking the origin before a replay",
        "leave it out",
    );
    authority.end();
    ask
}

/// Reads `[retention]`.
pub fn retention(retention: &Section<'_>) -> RetentionRules {
    const DAY: i64 = 24 * 60 * 60;
    let from = [
        ("first-sight", RetentionFrom::FirstSight),
        ("completion", RetentionFrom::Completion),
    ];
    let later = [("refuse", "refusing an expired key for a while")];
    let seconds = retention.number("seconds", 60..=30 * DAY, "a whole number of seconds", DAY);
    let rules = RetentionRules {
        ms: u64::try_from(seconds.value)
            .unwrap_or_default()
            .saturating_mul(1000),
        from: retention.choice("from", RetentionFrom::FirstSight, &from, &[]),
        after: retention.choice(
            "after",
            AfterExpiry::New,
            &[("new", AfterExpiry::New)],
            &later,
        ),
    };
    retention.end();
    rules
}

/// Reads `[errors]`.
pub fn errors(errors: &Section<'_>) -> ErrorTemplate {
    let now = [("problem+json", ErrorTemplate::ProblemJson)];
    let own = "an error body of the contract's own";
    let template = errors.choice(
        "template",
        ErrorTemplate::ProblemJson,
        &now,
        &[("own", own)],
    );
    errors.later("media_type", own, "leave it out");
    errors.later("body", own, "leave it out");
    errors.end();
    template
}

/// Reads `[gateway]`.
pub fn gateway(gateway: &Section<'_>) -> GatewayRules {
    let unguarded = [("run-unguarded", "running without a ledger")];
    let keys = [
        ("derived", "a key derived from the claim"),
        ("removed", "hiding the key from the origin"),
    ];
    let rules = GatewayRules {
        ledger_down: gateway.choice(
            "ledger_down",
            LedgerDown::Refuse,
            &[("refuse", LedgerDown::Refuse)],
            &unguarded,
        ),
        key_to_origin: gateway.choice(
            "key_to_origin",
            KeyToOrigin::AsItCame,
            &[("as-it-came", KeyToOrigin::AsItCame)],
            &keys,
        ),
        signals: gateway.choice(
            "signals",
            Signals::On,
            &[("on", Signals::On)],
            &[("off", "hiding what the gateway did")],
        ),
    };
    gateway.end();
    rules
}
