//! One HTTP exchange: what belongs to the answer of this very request, and to no record.

use super::contract::Contract;
use super::cors::Site;
use super::digest::hex;
use super::headers::Headers;
use super::key::Key;
use super::policy::Cors;
use super::record::REQUEST_ID;
use super::request::Inbound;

/// What an answer needs to know of the request that it answers.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    /// Names this exchange: the `X-Request-ID` of a refusal and of a replay, the `request_id` in an error's body, and in the log.
    pub id: String,
    /// The key, once it is read.
    pub key: Option<Key>,
    /// The seconds of `Prefer: wait=n` that were granted (RFC 7240 §4.3), where the client asked for some.
    pub waited_s: Option<u64>,
    /// The site of a browser's request.
    pub site: Site,
}

impl Exchange {
    /// The exchange that `request` begins.
    pub fn new(random: [u8; 16], request: &Inbound, cors: &Cors) -> Self {
        Self {
            site: Site::of(&request.headers, cors),
            ..Self::unread(random)
        }
    }

    /// An exchange of which nothing can be told: its request could not be read, or there is no policy.
    pub fn unread(random: [u8; 16]) -> Self {
        Self {
            id: hex(&random),
            ..Self::default()
        }
    }

    /// With the key.
    #[must_use]
    pub fn about(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// Names the exchange in `headers`.
    pub fn name(&self, headers: &mut Headers) {
        headers.set(REQUEST_ID, &self.id);
    }

    /// Gives back what the contract gives back of the request: its key (rule 9.15), and the wait that it was granted (rule 9.16).
    pub fn echo(&self, headers: &mut Headers, contract: &Contract) {
        if let Some(key) = self.key.as_ref().filter(|_| contract.key.echo) {
            headers.set(&contract.key.header, key.as_str());
        }
        if let Some(seconds) = self.waited_s {
            headers.set("preference-applied", format!("wait={seconds}"));
        }
    }
}
