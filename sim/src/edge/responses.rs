//! As `src/edge/responses.rs`.

use crate::defect::Defect;
use crate::world::{Isolate, World};
use reprise::protocol::claim::{AttemptId, ClaimId};
use reprise::protocol::record::{Place, Record};
use reprise::protocol::time::Time;
use std::future::Future;
use std::rc::Rc;

const MIN_TTL_S: u64 = 60;
const LOOKS: u32 = 3;
const BETWEEN_LOOKS_MS: u64 = 400;
const DEADLINE_MS: u64 = 8_000;

pub struct Responses<'w> {
    world: &'w Rc<World>,
    isolate: &'w Rc<Isolate>,
    key: Option<usize>,
}

impl<'w> Responses<'w> {
    pub fn of(world: &'w Rc<World>, isolate: &'w Rc<Isolate>, key: Option<usize>) -> Self {
        Self {
            world,
            isolate,
            key,
        }
    }

    pub async fn put(
        &self,
        record: &Record,
        body: &[u8],
        now: Time,
        of_attempt: bool,
    ) -> Result<(), ()> {
        let mut value = record.encode().unwrap_or_default();
        value.extend(body);
        let ttl_s = record.expires_at.since(now).div_ceil(1000).max(MIN_TTL_S);
        let name = name(record.claim, of_attempt.then_some(record.attempt));
        self.isolate.step(self.world, self.key).await;
        let put = self
            .world
            .kv
            .put(self.world, self.isolate, &name, value, ttl_s);
        let put = self.in_time(put).await.unwrap_or(Err(()));
        self.world.note(
            self.key,
            || self.isolate.name(),
            || format!("put into KV: {put:?}"),
        );
        self.isolate.step(self.world, self.key).await;
        put
    }

    pub async fn body(&self, record: &Record) -> Option<Vec<u8>> {
        self.in_time(self.looked_for(record)).await?
    }

    async fn looked_for(&self, record: &Record) -> Option<Vec<u8>> {
        for look in 1..=LOOKS {
            if let Some(body) = self.look(record).await {
                return Some(body);
            }
            if look < LOOKS {
                self.world.pause(BETWEEN_LOOKS_MS).await;
            }
        }
        None
    }

    async fn look(&self, record: &Record) -> Option<Vec<u8>> {
        for attempt in [None, Some(record.attempt)] {
            if let Some((copy, body)) = self.value(record.claim, attempt).await {
                let is_it = *record == copy && record.body == Place::Kv(body.len() as u64);
                if is_it && !self.world.has(Defect::KvIsForgotten)
                    || self.world.has(Defect::KvDecides)
                {
                    return Some(body);
                }
            }
        }
        None
    }

    pub async fn copy(&self, claim: ClaimId) -> Option<(Record, Vec<u8>)> {
        self.in_time(self.value(claim, None)).await?
    }

    async fn value(&self, claim: ClaimId, attempt: Option<AttemptId>) -> Option<(Record, Vec<u8>)> {
        self.isolate.step(self.world, self.key).await;
        let found = self
            .world
            .kv
            .get(self.world, self.isolate, &name(claim, attempt))
            .await;
        self.isolate.step(self.world, self.key).await;
        let value = found.ok()??;
        let (record, rest) = Record::decode(&value).ok()?;
        let body = match &record.body {
            Place::Inline(bytes) => bytes.clone(),
            Place::Kv(length) => (rest.len() as u64 == *length).then(|| rest.to_vec())?,
            Place::R2(_) | Place::NotKept(_) => return None,
        };
        (record.claim == claim).then_some((record, body))
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.world.within(DEADLINE_MS, work).await
    }
}

fn name(claim: ClaimId, attempt: Option<AttemptId>) -> String {
    let attempt = attempt.map_or_else(String::new, |attempt| format!("/{}", attempt.to_hex()));
    format!("r1/{}{attempt}", claim.to_hex())
}
