//! Asking the ledger: in both generations of shards where there are two, and in KV for the answer of an attempt that ended
//! before it could settle.

use super::Work;
use super::uploading::send_again;
use crate::edge::body::Incoming;
use crate::edge::log::elapsed;
use crate::edge::origin::{self, Answer};
use crate::edge::shard::{Asked, Shard, Unavailable};
use crate::edge::{clock, question, recent};
use crate::protocol::claim::{AttemptId, Begin, Begun, Ending, Settle, Settled};
use crate::protocol::contract::Question;
use crate::protocol::generations::{self, Both};
use crate::protocol::outcome::Probed;
use crate::protocol::policy::Shards;
use crate::protocol::record::{Place, Record};
use crate::protocol::refusal::Refusal;
use crate::protocol::time::Time;
use crate::protocol::verdict::{Attempt, Verdict};
use form_urlencoded::byte_serialize;
use std::rc::Rc;

impl Work {
    pub(super) async fn begin(&mut self) -> Result<Verdict, Unavailable> {
        let started = clock::now();
        self.asked.sketch = self
            .guarded
            .sketch(self.attempt, &self.request, &self.contents);
        let found = self.begin_in_each().await;
        self.line.ledger_ms += elapsed(started);
        let (asked, shards) = match (&self.body, found?) {
            (Incoming::Upload(_), (asked, _)) if needs_body(&asked.begun) => {
                match self.compare().await? {
                    Ok(found) => found,
                    Err(refusal) => return Ok(Verdict::Refuse(refusal)),
                }
            }
            (_, found) => found,
        };
        let Asked { begun, waited, .. } = self.answered(asked);
        let there = self.ledger_now();
        recent::with(self.settings, |it| {
            it.heard(&self.asked, &begun, clock::now(), there)
        });
        let in_the_way = waited || matches!(begun, Begun::Running { .. });
        self.exchange.waited_s = self.granted_s.filter(|_| in_the_way);
        let Begun::Unknown {
            attempt,
            expires_at,
            lease_left_ms,
            same,
        } = begun
        else {
            return Ok(Verdict::of(&self.asked, begun));
        };
        if let Some(record) = self.adopt(attempt, shards).await {
            return Ok(Verdict::Replay(record));
        }
        // While the attempt may be alive, the origin may not have heard of it yet. What happened under another body, which nobody has
        // read, would be no answer to this one. And where it may have heard of another request under this key, which the other
        // generation knows, it would not say which of the two it means.
        if lease_left_ms == 0
            && same
            && self.settings.policy.ledger.other.is_none()
            && let Some(verdict) = self.probe(attempt, expires_at, shards).await
        {
            return Ok(verdict);
        }
        Ok(Verdict::of(&self.asked, begun))
    }

    /// Sets the clock by which this work knows the shard's time.
    fn answered(&mut self, asked: Asked) -> Asked {
        self.asked_at = asked.at;
        self.ledger_at = asked.there;
        asked
    }

    /// There is a claim, and this body is on its way: it is read without being sent to anybody, compared, and told about then
    /// (rule 5.28).
    async fn compare(&mut self) -> Result<Result<(Asked, Shards), Refusal>, Unavailable> {
        if let Err(refusal) = self.read_upload().await {
            return Ok(Err(refusal));
        }
        self.asked.fingerprint = self.fingerprint;
        let started = clock::now();
        let found = self.peek_in_each().await;
        self.line.ledger_ms += elapsed(started);
        Ok(found?.ok_or_else(send_again))
    }

    /// Asks the origin whether the operation of `attempt` happened, where the contract knows how (rule 5.24). `None` where that
    /// is not known afterwards either, or the claim has moved on meanwhile.
    async fn probe(
        &mut self,
        attempt: AttemptId,
        expires_at: Time,
        shards: Shards,
    ) -> Option<Verdict> {
        let contract = self.guarded.contract;
        let Question { method, target } = contract.unknown.probe.as_ref()?;
        let key: String = byte_serialize(self.guarded.key.as_str().as_bytes()).collect();
        let target = target.replace("{key}", &key);
        let started = clock::now();
        let asked = question::ask(self.settings, contract, &self.request, method, &target).await;
        let answer = match asked {
            Ok(response) => origin::read(&response, &|_, _| false).await,
            Err(error) => {
                worker::console_error!("the origin could not be asked what happened: {error:?}");
                return None;
            }
        };
        self.line.origin_ms += elapsed(started);
        if self.not_kept(&answer).is_some() {
            return None;
        }
        match (Probed::from(answer.happened()), answer) {
            (Probed::Happened, Answer::Whole(status, headers, body)) => {
                // First sight is not told with unknown, and no answer shows it.
                let attempt = Attempt {
                    id: attempt,
                    first_seen: self.ledger_now(),
                    expires_at,
                    lease_left_ms: 0,
                };
                let fingerprint = self.fingerprint?;
                let kept = self.keep(attempt, fingerprint, status, headers, body);
                let (record, _, _) = kept.await;
                let kept = !matches!(record.body, Place::NotKept(_));
                if !kept {
                    return None;
                }
                self.settle_record(shards, &record).await?;
                Some(Verdict::Replay(record))
            }
            (Probed::NeverHappened, _) => {
                if !self.settle_in(shards, attempt, Ending::Release).await {
                    return None;
                }
                let (asked, _) = self.begin_in_each().await.ok()?;
                let begun = self.answered(asked).begun;
                Some(Verdict::of(&self.asked, begun))
            }
            _ => None,
        }
    }

    /// The answer, and the shards that gave it.
    async fn begin_in_each(&mut self) -> Result<(Asked, Shards), Unavailable> {
        let own = self.settings.policy.ledger.own;
        let asked = self.shard(own).begin(self.asked.clone()).await?;
        let permitted = matches!(asked.begun, Begun::Execute { .. });
        let found = self.beside(asked).await;
        let stands = matches!(found, Ok((_, shards)) if shards == own);
        if permitted && !stands {
            self.settle(self.attempt, Ending::Release).await;
        }
        found
    }

    /// The same, without beginning anything; `None` where nothing is known.
    async fn peek_in_each(&mut self) -> Result<Option<(Asked, Shards)>, Unavailable> {
        let rules = self.settings.policy.ledger;
        if let Some(asked) = self.shard(rules.own).peek(self.asked.clone()).await? {
            return self.beside(asked).await.map(Some);
        }
        let Some(other) = rules.other else {
            return Ok(None);
        };
        let found = self.shard(other).peek(self.asked.clone()).await?;
        Ok(found.map(|asked| (asked, other)))
    }

    /// What the own generation has answered, or what the other one knows better (rule 5.23).
    async fn beside(&mut self, asked: Asked) -> Result<(Asked, Shards), Unavailable> {
        let rules = self.settings.policy.ledger;
        let other = rules
            .other
            .filter(|_| generations::other_counts(&asked.begun));
        let Some(other) = other else {
            return Ok((asked, rules.own));
        };
        let look = Begin {
            wait_ms: 0,
            ..self.asked.clone()
        };
        let found = self.shard(other).peek(look).await.ok();
        match generations::both(&asked.begun, found.map(|it| it.map(|it| it.begun))) {
            Both::Own => Ok((asked, rules.own)),
            Both::Other(begun) => Ok((Asked { begun, ..asked }, other)),
            Both::NoAnswer => {
                self.no_permit = !matches!(asked.begun, Begun::Execute { .. });
                Err(Unavailable)
            }
        }
    }

    /// The answer of `attempt`, whose outcome the ledger does not know: a body lies in KV before the row points to it. It is
    /// settled in that attempt's name, and only if the claim is still that attempt's (rule 8.15).
    async fn adopt(&mut self, attempt: AttemptId, shards: Shards) -> Option<Record> {
        let (record, _) = self.copy_of_answer().await?;
        if record.attempt != attempt {
            return None;
        }
        self.settle_record(shards, &record).await?;
        Some(record)
    }

    /// `record` as the ledger holds it now; `None` where it does not.
    async fn settle_record(&mut self, shards: Shards, record: &Record) -> Option<Vec<u8>> {
        let encoded = record.encode().ok()?;
        let ending = Ending::Store {
            record: encoded.clone(),
            expires_at: record.expires_at,
            fingerprint: record.fingerprint,
        };
        let settled = self.settle_in(shards, record.attempt, ending).await;
        settled.then_some(encoded)
    }

    /// As [`Self::settle_record`], in the own shards.
    pub(super) async fn settle_as(&mut self, record: &Record) -> Option<Vec<u8>> {
        let own = self.settings.policy.ledger.own;
        self.settle_record(own, record).await
    }

    /// Whether the ledger holds the ending now.
    pub(super) async fn settle(&mut self, attempt: AttemptId, ending: Ending) -> bool {
        let own = self.settings.policy.ledger.own;
        self.settle_in(own, attempt, ending).await
    }

    async fn settle_in(&mut self, shards: Shards, attempt: AttemptId, ending: Ending) -> bool {
        let started = clock::now();
        let claim = self.guarded.claim;
        let event = Settle {
            claim,
            attempt,
            ending: ending.clone(),
        };
        let settled = self.shard(shards).settle(event).await;
        self.line.ledger_ms += elapsed(started);
        let recorded = matches!(settled, Ok(Settled::Recorded));
        let (now, there) = (clock::now(), self.ledger_now());
        recent::with(self.settings, |it| {
            if recorded {
                let own = (attempt == self.attempt).then_some(self.asked.sketch.as_slice());
                it.settled(claim, attempt, own, ending, now, there);
            } else {
                it.forget(claim);
            }
        });
        recorded
    }

    fn shard(&mut self, shards: Shards) -> Rc<Shard> {
        let of = |shards| {
            let timer = Rc::clone(&self.timer);
            Rc::new(Shard::of(&self.env, shards, self.guarded.claim, timer))
        };
        if shards != self.settings.policy.ledger.own {
            return of(shards);
        }
        // The same for all calls.
        Rc::clone(self.own_shard.get_or_insert_with(|| of(shards)))
    }
}

/// Whether a body that is on its way has to be read before anything can be said.
fn needs_body(begun: &Begun) -> bool {
    matches!(
        begun,
        Begun::BodyNeeded | Begun::Running { .. } | Begun::Unknown { .. }
    )
}
