//! As `src/edge/work/keeping.rs`, without a bucket: what KV does not take is not kept.

use super::Work;
use crate::defect::Defect;
use reprise::protocol::contract::LeaseOver;
use reprise::protocol::control::Control;
use reprise::protocol::fingerprint::Fingerprint;
use reprise::protocol::headers::Headers;
use reprise::protocol::policy::KvMode;
use reprise::protocol::record::{Place, Record, Sorted, Unkept};
use reprise::protocol::verdict::Attempt;

impl Work {
    pub(super) async fn keep(
        &mut self,
        attempt: Attempt,
        print: Fingerprint,
        status: u16,
        headers: Headers,
        body: Vec<u8>,
    ) -> (Record, Vec<u8>, Headers) {
        let ttl = self.ttl_ms(&headers);
        let sorted = Sorted::new(self.guarded.contract, headers);
        let mut record = self.record(attempt, print, status, &sorted, ttl);
        self.place(&mut record, &body).await;
        (record, body, sorted.first_only)
    }

    async fn place(&mut self, record: &mut Record, body: &[u8]) {
        if body.len() <= self.settings.responses.inline_limit {
            record.body = Place::Inline(body.to_vec());
            return;
        }
        match self.settings.responses.kv {
            KvMode::Off => record.body = Place::NotKept(Unkept::TooLarge),
            KvMode::Always | KvMode::Overflow => self.put(record, body).await,
        }
    }

    async fn put(&mut self, record: &mut Record, body: &[u8]) {
        record.body = Place::Kv(body.len() as u64);
        let (now, passes_on) = (self.ledger_now(), self.passes_on());
        let put = self.responses().put(record, body, now, passes_on).await;
        if put.is_err() {
            record.body = Place::NotKept(Unkept::NotWritten);
        }
    }

    fn passes_on(&self) -> bool {
        self.guarded.contract.unknown.lease_over == LeaseOver::RunAgain
            && !self.world.has(Defect::AdoptAnyRecord)
    }

    pub(super) fn ttl_ms(&self, headers: &Headers) -> Option<u64> {
        Control::read(self.guarded.contract.control_header.as_deref(), headers).ttl_ms
    }

    pub(super) fn record(
        &self,
        attempt: Attempt,
        print: Fingerprint,
        status: u16,
        sorted: &Sorted,
        ttl_ms: Option<u64>,
    ) -> Record {
        let completed = self.ledger_now();
        let rules = &self.guarded.contract.retention;
        Record {
            claim: self.guarded.claim,
            attempt: attempt.id,
            fingerprint: print,
            status,
            headers: sorted.recorded.clone(),
            origin: sorted.origin.clone(),
            first_seen: attempt.first_seen,
            completed,
            expires_at: attempt.kept_until(rules, completed, ttl_ms),
            body: Place::NotKept(Unkept::TooLarge),
        }
    }

    pub(super) async fn copy(&mut self, record: &Record) {
        let copies = self.settings.responses.kv == KvMode::Always;
        if !copies || !matches!(record.body, Place::Inline(_)) {
            return;
        }
        let now = self.ledger_now();
        let _ = self.responses().put(record, &[], now, false).await;
    }
}
