//! When the client says that it first sent this operation (docs/protocol.md rule 2.13): a key that is older than its claim
//! could have been kept looks new, and its date tells that it is not.

use super::contract::Contract;
use super::headers::Headers;
use super::refusal::{Code, Refusal};
use super::time::Time;

/// How far ahead of ours a client's clock may be, milliseconds. A date far in the future would never grow too old.
const AHEAD_MS: u64 = 24 * 60 * 60 * 1000;

/// Judges the date that `headers` carry under the contract's name; without one, or without such a name, all is well.
///
/// # Errors
/// The refusal of what is no date, and of a date that lies before the retention.
pub fn judge(contract: &Contract, headers: &Headers, now: Time) -> Result<(), Refusal> {
    let Some(header) = &contract.key.first_sent else {
        return Ok(());
    };
    let mut lines = headers.lines(header);
    let Some(line) = lines.next() else {
        return Ok(());
    };
    // A date has a comma of its own, so two of them on one line are no date either.
    let date = match lines.next() {
        None => Time::from_http_date(line),
        Some(_) => None,
    };
    let Some(date) = date else {
        return Err(malformed(header, "is not one HTTP date (RFC 9110 §5.6.7)"));
    };
    if date.since(now) > AHEAD_MS {
        return Err(malformed(header, "lies more than a day in the future"));
    }
    if now.since(date) >= contract.retention.ms {
        return Err(too_old(contract, header));
    }
    Ok(())
}

fn malformed(header: &str, why: &str) -> Refusal {
    let detail = format!(
        "The value of `{header}` {why}. Send the time at which you first sent this operation, such as `Sun, 06 Nov 1994 08:49:37 GMT`."
    );
    Refusal::new(Code::FirstSentMalformed, detail)
}

fn too_old(contract: &Contract, header: &str) -> Refusal {
    let seconds = contract.retention.ms / 1000;
    let detail = format!(
        "`{header}` says that this operation was first sent {seconds} seconds ago or more, and keys are not remembered for longer. Whether it ran is not known here: find out at the API before you send it anew."
    );
    Refusal::new(Code::FirstSentTooOld, detail)
}
