//! The tables of a policy that hold numbers: `[ledger]`, `[responses]`, `[limits]`, `[call]`.

use std::ops::RangeInclusive;

use super::super::contract::{Located, Section};

const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;
const GIB: i64 = 1024 * MIB;

/// How claims are spread: `[ledger]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerRules {
    /// The shards that claims are made in.
    pub own: Shards,
    /// Others, that are looked into before anything is executed, while the number of shards changes (rule 5.23).
    pub other: Option<Shards>,
}

/// One generation of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shards {
    /// How many, 1 to 1024 (rule 5.13).
    pub count: u32,
    /// Counts the changes of their number, from 1: every claim stays where it was made.
    pub generation: u32,
}

/// Where stored responses are kept: `[responses]` (rules 8.2 and 8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseRules {
    /// What is written to KV.
    pub kv: KvMode,
    /// Bodies up to this many bytes lie in the ledger's row.
    pub inline_limit: usize,
    /// What an isolate remembers of the claims that it has seen done lately, bytes; 0 is nothing (rule 8.17).
    pub memory_limit: usize,
}

/// What is written to KV (rule 8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvMode {
    /// Every record; those that lie inline too, after the reply.
    Always,
    /// What does not fit inline.
    Overflow,
    /// Nothing: bodies over the inline limit are not kept.
    Off,
}

/// What is refused because it is too much: `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Guarded requests with more bytes than this get 413 (rule 4.12).
    pub request_body: u64,
    /// Bodies up to this many bytes are read whole before anything is claimed (rule 4.22).
    pub buffered_body: usize,
    /// Guarded requests whose head has more bytes than this get 431 (rule 4.23).
    pub request_head: usize,
    /// How many new keys a minute one caller may claim in one shard (rule 5.25); 0 is no limit.
    pub new_keys_per_minute: u32,
}

/// Reads `[ledger]`.
pub fn ledger(ledger: &Section<'_>) -> LedgerRules {
    let own = shards(ledger);
    let other = ledger.get("other").is_some().then(|| {
        let table = ledger.table("other");
        table.missing("shards", "say how many shards the other generation has");
        table.missing("generation", "say which generation it is");
        let other = shards(&table);
        if table.get("generation").is_some() && other.generation == own.generation {
            let wrong = "is the generation of [ledger] itself".to_owned();
            let mend =
                "a change of shards is a new generation: name the one before, or the one to come";
            table.refuse("generation", table.find("generation"), wrong, mend);
        }
        table.end();
        other
    });
    ledger.end();
    LedgerRules { own, other }
}

fn shards(table: &Section<'_>) -> Shards {
    let number = |name, high, meant, default| {
        u32::try_from(table.number(name, 1..=high, meant, default).value)
    };
    Shards {
        count: number("shards", 1024, "a number of shards", 8).unwrap_or(8),
        generation: number("generation", i64::from(u32::MAX), "a count", 1).unwrap_or(1),
    }
}

/// Reads `[responses]`.
pub fn responses(responses: &Section<'_>) -> ResponseRules {
    let modes = [
        ("always", KvMode::Always),
        ("overflow", KvMode::Overflow),
        ("off", KvMode::Off),
    ];
    let rules = ResponseRules {
        kv: responses.choice("kv", KvMode::Always, &modes, &[]),
        // A row of a Durable Object takes 2 MB, with the headers of the record and the row's other columns.
        inline_limit: usize::try_from(size(responses, "inline_limit", 0..=1_900_000, 256 * KIB))
            .unwrap_or_default(),
        // An isolate has 128 MB for everything (platform limit).
        memory_limit: usize::try_from(size(responses, "memory_limit", 0..=16 * MIB, 4 * MIB))
            .unwrap_or_default(),
    };
    responses.end();
    rules
}

/// Reads `[limits]`.
pub fn limits(limits: &Section<'_>) -> Limits {
    // What Cloudflare's edge lets through: 100 MB on most plans, 5 GB at most.
    let request_body = size(limits, "request_body", 1..=5 * GIB, 100 * MIB);
    // An isolate has 128 MB, which all its requests share.
    let buffered_body = size(limits, "buffered_body", 0..=32 * MIB, MIB);
    // The platform takes 128 KiB. Few origins take more than the default, and one that breaks the connection off instead of saying so
    // leaves a claim behind whose outcome nobody knows.
    let request_head = size(limits, "request_head", KIB..=128 * KIB, 32 * KIB);
    // By default the 150 a second that a shard is planned for: nobody who keeps to the plan ever meets the limit.
    let new_keys = limits.number(
        "new_keys_per_minute",
        0..=1_000_000,
        "a number of keys",
        9_000,
    );
    let rules = Limits {
        request_body,
        buffered_body: usize::try_from(buffered_body).unwrap_or_default(),
        request_head: usize::try_from(request_head).unwrap_or_default(),
        new_keys_per_minute: u32::try_from(new_keys.value).unwrap_or_default(),
    };
    limits.end();
    rules
}

/// A number of bytes, or a string such as "256 KiB".
fn size(
    section: &Section<'_>,
    name: &'static str,
    range: RangeInclusive<i64>,
    default: i64,
) -> u64 {
    let Some(entry) = section.get(name) else {
        return u64::try_from(default).unwrap_or_default();
    };
    const MEANT: &str = "a number of bytes, or a string such as \"256 KiB\" or \"8 MiB\",";
    let bytes = match entry.value.as_str() {
        None => section.in_range(name, &entry, range, MEANT),
        Some(text) => bytes_of(text)
            .filter(|bytes| range.contains(bytes))
            .or_else(|| {
                let wrong = if bytes_of(text).is_some() {
                    "is out of range"
                } else {
                    "is not a size"
                };
                let mend = format!("{MEANT} from {} to {} is meant", range.start(), range.end());
                section.refuse(name, entry.place, format!("{text:?} {wrong}"), &mend);
                None
            }),
    };
    u64::try_from(bytes.unwrap_or(default)).unwrap_or_default()
}

fn bytes_of(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = match unit.trim_start() {
        "B" => 1,
        "KiB" => KIB,
        "MiB" => MIB,
        "GiB" => GIB,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(factor)
}

/// How long a call to the origin may take, and how long its claim is leased.
pub struct Call<'a> {
    /// The deadline, in seconds (rule 6.4).
    pub deadline: Located<'a, i64>,
    /// The lease, in seconds (rule 5.8).
    pub lease: Located<'a, i64>,
    /// How long a body may take that is sent on while it comes, in seconds (rule 4.22).
    pub upload: i64,
}

/// The longest deadline of a call that the Worker makes, seconds. The platform cuts a call off at 100 s without naming a
/// reason; the own deadline must come first.
pub const LONGEST_CALL: i64 = 95;

/// That of a detached one. The platform keeps an object for 15 minutes while it waits; the attempt must be settled within.
pub const LONGEST_DETACHED_CALL: i64 = 870;

/// Reads `[call]`, of the policy or of a route over the policy's. No deadline is over `longest` seconds.
pub fn call<'a>(call: &Section<'a>, longest: i64) -> Call<'a> {
    let deadline = call.number(
        "deadline_seconds",
        1..=longest,
        "a whole number of seconds",
        60,
    );
    // Within the margin the attempt still has to be settled.
    let lease = call.number(
        "lease_seconds",
        11..=21_600,
        "a whole number of seconds",
        90,
    );
    let upload = call.number("upload_seconds", 1..=3600, "a whole number of seconds", 300);
    if lease.value < deadline.value + 10 {
        let wrong = format!(
            "a lease of {} s is too short for a deadline of {} s",
            lease.value, deadline.value
        );
        let mend = format!(
            "lease_seconds is at least {}: the deadline and 10 s for settling",
            deadline.value + 10
        );
        call.refuse(
            "lease_seconds",
            lease.place.or_outer(deadline.place),
            wrong,
            &mend,
        );
    }
    call.end();
    Call {
        deadline,
        lease,
        upload: upload.value,
    }
}
