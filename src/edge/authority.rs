//! Asking the origin whether a caller may still know of a claim (axis A1; rule 9.12).

use super::question;
use super::settings::Settings;
use crate::protocol::contract::{AuthorityRules, Contract, Question};
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::request::Inbound;
use web_sys::Response;

/// Whether this caller may be told what is known of its key.
///
/// # Errors
/// The refusal that it gets instead: the origin's own 401 or 403, or that the origin did not say.
pub async fn vouch(
    settings: &Settings,
    contract: &Contract,
    request: &Inbound,
) -> Result<(), Refusal> {
    let AuthorityRules::Origin(Question { method, target }) = &contract.authority else {
        return Ok(());
    };
    let answer = question::ask(settings, contract, request, method, target).await;
    let answer = answer.map_err(|error| {
        worker::console_error!("the origin could not be asked who is asking: {error:?}");
        unavailable()
    })?;
    if let Some(body) = answer.body() {
        // Unread, it would keep the connection busy.
        let _ = body.cancel();
    }
    match answer.status() {
        status @ (401 | 403) => Err(refused(status, &answer)),
        500..=599 => Err(unavailable()),
        _ => Ok(()),
    }
}

fn refused(status: u16, answer: &Response) -> Refusal {
    let detail = "There is a claim for this key, and the origin does not say that this caller may know of it. Send the request with a credential that the origin takes.";
    let refusal = Refusal::new(Code::AuthorityRefused, detail).with_status(status);
    match answer.headers().get("www-authenticate") {
        Ok(Some(challenge)) => refusal.challenge(challenge),
        _ => refusal,
    }
}

fn unavailable() -> Refusal {
    Refusal::new(
        Code::AuthorityUnavailable,
        "The origin must be asked who is asking, and did not say. Nothing is run again. Retry with the same key.",
    )
}
