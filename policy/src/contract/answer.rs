//! The tables of a contract about the answer: what a refusal says, what a replay carries, how long a claim is kept.

use super::errors::allow_words;
use super::headers::{DENIED, name_list, own_header};
use super::parts::pointer;
use super::section::{Located, Section};
use super::{
    AfterExpiry, AuthorityRules, GatewayRules, KeyToOrigin, LeaseOver, LedgerDown, Marker,
    MismatchRetry, MismatchRules, NamePattern, Question, Recorded, ReplayRules, ReplayStatus,
    RequestId, RetentionFrom, RetentionRules, RunningRules, Signals, UnknownRules, WhileRunning,
};

/// Reads `[mismatch]`.
pub fn mismatch(mismatch: &Section<'_>) -> MismatchRules {
    let retry = [
        ("new-key", MismatchRetry::NewKey),
        ("never", MismatchRetry::Never),
    ];
    let order = [
        ("mismatch-first", WhileRunning::MismatchFirst),
        ("running-first", WhileRunning::RunningFirst),
    ];
    let rules = MismatchRules {
        status: refusal_status(mismatch, 422),
        retry: mismatch.choice("retry", MismatchRetry::NewKey, &retry, &[]),
        while_running: mismatch.choice("while_running", WhileRunning::MismatchFirst, &order, &[]),
        explain: mismatch.flag("explain", true),
        resource: mismatch
            .text("resource")
            .and_then(|text| pointer(mismatch, "resource", &text)),
    };
    allow_words(mismatch);
    mismatch.end();
    rules
}

/// The longest wait, in seconds: with the call to the ledger it stays below what clients and the edge wait for an answer.
const LONGEST_WAIT: i64 = 25;

/// Reads `[running]`.
pub fn running(running: &Section<'_>) -> RunningRules {
    let waits = running.choice("answer", false, &[("refuse", false), ("wait", true)], &[]);
    let own = running.number("wait_seconds", 1..=LONGEST_WAIT, SECONDS, 10);
    if !waits {
        let wrong = "has no effect: the answer is \"refuse\"";
        let mend = "write answer = \"wait\"; wait_cap_seconds alone lets clients ask for a wait";
        running.idle("wait_seconds", "answer", wrong, mend);
    }
    let wait = if waits { own.value } else { 0 };
    let cap = running.number("wait_cap_seconds", 0..=LONGEST_WAIT, SECONDS, wait);
    // Under a cap of 0, a client's preference is not listened to (rule 2.14).
    if (1..wait).contains(&cap.value) {
        let wrong = format!("is less than the {wait} s that a client waits who asks for nothing");
        let mend = "raise it; or write 0, and no client can ask";
        running.refuse(
            "wait_cap_seconds",
            cap.place.or_outer(own.place),
            wrong,
            mend,
        );
    }
    let rules = RunningRules {
        wait_ms: milliseconds(wait),
        wait_cap_ms: milliseconds(cap.value),
        status: refusal_status(running, 409),
        retry_after_s: u32::try_from(running.number("retry_after", 1..=60, SECONDS, 2).value)
            .unwrap_or(2),
    };
    allow_words(running);
    running.end();
    rules
}

const SECONDS: &str = "a whole number of seconds";

fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(seconds)
        .unwrap_or_default()
        .saturating_mul(1000)
}

/// Reads `[unknown]`.
pub fn unknown(unknown: &Section<'_>) -> UnknownRules {
    let words = [
        ("hold", LeaseOver::Hold),
        ("run-again", LeaseOver::RunAgain),
        ("probe", LeaseOver::Probe),
    ];
    let lease_over = unknown.choice("lease_over", LeaseOver::Hold, &words, &[]);
    let text = unknown.text("probe");
    let probe = if lease_over == LeaseOver::Probe {
        let mend = "write a request that tells whether it happened, such as probe = \"GET /v1/runs?key={key}\"";
        unknown.missing("probe", mend);
        text.and_then(|text| question(unknown, "probe", &text, mend))
    } else {
        unknown.idle(
            "probe",
            "lease_over",
            "has no effect: the origin is not asked",
            "write lease_over = \"probe\" too",
        );
        None
    };
    let rules = UnknownRules {
        status: refusal_status(unknown, 409),
        lease_over,
        probe,
    };
    allow_words(unknown);
    unknown.end();
    rules
}

fn refusal_status(section: &Section<'_>, default: u16) -> u16 {
    let status = section.number("status", 400..=599, "a status", i64::from(default));
    u16::try_from(status.value).unwrap_or(default)
}

/// Reads `[replay]`.
pub fn replay(replay: &Section<'_>) -> ReplayRules {
    let request_id = [
        ("fresh", RequestId::Fresh),
        ("verbatim", RequestId::Verbatim),
    ];
    let rules = ReplayRules {
        status: status_of_replay(replay),
        recorded: recorded(replay),
        marker: marker(&replay.table("marker")),
        request_id: replay.choice("request_id", RequestId::Fresh, &request_id, &[]),
    };
    replay.end();
    rules
}

/// Either list may stand in a route over a contract that has the other one.
fn recorded(replay: &Section<'_>) -> Recorded {
    let (allow, deny) = (name_list(replay, "allow"), name_list(replay, "deny"));
    let also = name_list(replay, "deny_also");
    let denied_by_route = replay.find("deny").wins_over(replay.find("allow"));
    if let Some(allow) = allow.filter(|_| !denied_by_route) {
        for name in ["deny", "deny_also"] {
            let wrong = "has no effect: allow names the only headers to replay";
            replay.idle(name, "allow", wrong, "leave one of the two out");
        }
        return Recorded::Only(allow);
    }
    let mut deny = deny.unwrap_or_else(|| DENIED.map(NamePattern::new).to_vec());
    for name in also.unwrap_or_default() {
        if !deny.contains(&name) {
            deny.push(name);
        }
    }
    Recorded::AllBut(deny)
}

/// The word "same", or a table from statuses to statuses (R1): `{ 201 = 200 }`.
fn status_of_replay(replay: &Section<'_>) -> ReplayStatus {
    let Some(table) = replay.whole("status") else {
        let entry = replay.get("status");
        if let Some(other) = entry.filter(|entry| entry.value.as_str() != Some("same")) {
            let wrong = "is neither \"same\" nor a table".to_owned();
            replay.refuse(
                "status",
                other.place,
                wrong,
                "write \"same\", or a table such as { 201 = 200 }",
            );
        }
        return ReplayStatus::Same;
    };
    let mut statuses = Vec::new();
    for name in table.names() {
        let from = name
            .value
            .parse::<u16>()
            .ok()
            .filter(|status| (200..=599).contains(status));
        let to = table
            .get(name.value)
            .and_then(|entry| table.in_range(name.value, &entry, 200..=599, "a status"));
        match (from, to.and_then(|to| u16::try_from(to).ok())) {
            (Some(from), Some(to)) if has_body(from) == has_body(to) => statuses.push((from, to)),
            (Some(_), Some(_)) => {
                let wrong =
                    "one of the two statuses never has a body, and the other may".to_owned();
                table.refuse(
                    name.value,
                    name.place,
                    wrong,
                    "map it to a status of its kind",
                );
            }
            (None, _) => {
                let wrong = "is not a status".to_owned();
                table.refuse(
                    name.value,
                    name.place,
                    wrong,
                    "a status from 200 to 599 is meant, such as { 201 = 200 }",
                );
            }
            (_, None) => {}
        }
    }
    ReplayStatus::Mapped(statuses)
}

fn has_body(status: u16) -> bool {
    !matches!(status, 204 | 205 | 304)
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

/// The text of a field that ends up in a header or an error.
pub fn field_value(section: &Section<'_>, name: &'static str) -> Option<String> {
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
pub fn authority(authority: &Section<'_>) -> AuthorityRules {
    let asks = authority.choice("ask", false, &[("none", false), ("origin", true)], &[]);
    let request = authority.text("request");
    let rules = if asks {
        let mend = "write GET or HEAD, and a path that needs the caller's credentials, such as request = \"GET /v1/me\"";
        authority.missing("request", mend);
        let question = request.and_then(|text| question(authority, "request", &text, mend));
        question.map_or(AuthorityRules::None, AuthorityRules::Origin)
    } else {
        authority.idle(
            "request",
            "ask",
            "has no effect: nobody is asked",
            "write ask = \"origin\" too",
        );
        AuthorityRules::None
    };
    authority.end();
    rules
}

fn question(
    section: &Section<'_>,
    field: &'static str,
    text: &Located<'_, &str>,
    mend: &str,
) -> Option<Question> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    match text.value.split_once(' ') {
        Some((method @ ("GET" | "HEAD"), target))
            if target.starts_with('/') && target.bytes().all(plain) =>
        {
            Some(Question {
                method: method.to_owned(),
                target: target.to_owned(),
            })
        }
        _ => {
            let wrong = format!("{:?} is no request that could be asked safely", text.value);
            section.refuse(field, text.place, wrong, mend);
            None
        }
    }
}

/// Reads `[retention]`.
pub fn retention(retention: &Section<'_>) -> RetentionRules {
    const DAY: i64 = 24 * 60 * 60;
    let from = [
        ("first-sight", RetentionFrom::FirstSight),
        ("completion", RetentionFrom::Completion),
    ];
    let seconds = retention.number("seconds", 60..=30 * DAY, SECONDS, DAY);
    let refuses = retention.choice("after", false, &[("new", false), ("refuse", true)], &[]);
    let refused = retention.number("refuse_seconds", 1..=30 * DAY, SECONDS, DAY);
    if !refuses {
        let wrong = "has no effect: an expired key is new";
        retention.idle(
            "refuse_seconds",
            "after",
            wrong,
            "write after = \"refuse\" too",
        );
    }
    let rules = RetentionRules {
        ms: milliseconds(seconds.value),
        from: retention.choice("from", RetentionFrom::FirstSight, &from, &[]),
        after: if refuses {
            AfterExpiry::Refuse(milliseconds(refused.value))
        } else {
            AfterExpiry::New
        },
    };
    retention.end();
    rules
}

/// Reads `[gateway]`.
pub fn gateway(gateway: &Section<'_>) -> GatewayRules {
    let down = [
        ("refuse", LedgerDown::Refuse),
        ("run-unguarded", LedgerDown::RunUnguarded),
    ];
    let keys = [
        ("as-it-came", KeyToOrigin::AsItCame),
        ("derived", KeyToOrigin::Derived),
        ("removed", KeyToOrigin::Removed),
    ];
    let signals = [("on", Signals::On), ("off", Signals::Off)];
    let rules = GatewayRules {
        ledger_down: gateway.choice("ledger_down", LedgerDown::Refuse, &down, &[]),
        key_to_origin: gateway.choice("key_to_origin", KeyToOrigin::AsItCame, &keys, &[]),
        signals: gateway.choice("signals", Signals::On, &signals, &[]),
    };
    gateway.end();
    rules
}
