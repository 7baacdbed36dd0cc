//! One structured line per guarded request. It names the claim by its hash, and holds no key, credential or body (rule 3.5).

use super::{convert, js};
use crate::protocol::claim::{AttemptId, ClaimId};
use crate::protocol::contract::Contract;
use crate::protocol::exchange::Exchange;
use crate::protocol::refusal::Refusal;
use crate::protocol::time::Time;
use serde::Serialize;
use wasm_bindgen::JsValue;
use web_sys::Response;

/// The line, as it is filled on the way.
#[derive(Serialize)]
pub struct Line {
    event: &'static str,
    /// The `Idempotency-Status` that the client saw, or the code of the refusal.
    pub outcome: &'static str,
    /// The id of this HTTP exchange, which a refusal names as `request_id`.
    request: String,
    route: String,
    claim: Option<String>,
    attempt: Option<String>,
    /// The status that the client saw.
    pub status: u16,
    /// Milliseconds waited for the ledger.
    pub ledger_ms: u64,
    /// Milliseconds waited for the origin.
    pub origin_ms: u64,
    /// Milliseconds waited for KV.
    pub store_ms: u64,
    /// Whether what is known of the key was still remembered here (rule 8.17).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub memory: bool,
    /// What went wrong without changing the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<&'static str>,
}

impl Line {
    /// A line about `route`.
    pub fn new(
        route: &str,
        exchange: &Exchange,
        claim: Option<ClaimId>,
        attempt: Option<AttemptId>,
    ) -> Self {
        Self {
            request: exchange.id.clone(),
            event: "request",
            outcome: "internal",
            route: route.to_owned(),
            claim: claim.map(ClaimId::to_hex),
            attempt: attempt.map(AttemptId::to_hex),
            status: 0,
            ledger_ms: 0,
            origin_ms: 0,
            store_ms: 0,
            memory: false,
            warning: None,
        }
    }

    /// The answer to a refused request, noted down.
    ///
    /// # Errors
    /// As [`convert::response`].
    pub fn refusal(
        &mut self,
        refusal: &Refusal,
        contract: Option<&Contract>,
        exchange: &Exchange,
    ) -> Result<Response, JsValue> {
        let response = convert::refusal(refusal, contract, exchange)?;
        self.outcome = refusal.code().row().code;
        self.status = response.status();
        Ok(response)
    }

    /// As [`Self::refusal`], for a request that ends with it.
    ///
    /// # Errors
    /// As [`convert::response`].
    pub fn refuse(
        mut self,
        refusal: &Refusal,
        contract: Option<&Contract>,
        exchange: &Exchange,
    ) -> Result<Response, JsValue> {
        let response = self.refusal(refusal, contract, exchange);
        self.write();
        response
    }

    /// Writes it.
    pub fn write(&self) {
        if let Ok(line) = serde_json::to_string(self) {
            js::log(&line);
        }
    }
}

/// Milliseconds since `start`.
pub fn elapsed(start: Time) -> u64 {
    super::clock::now().since(start)
}
