//! As `src/edge/work/asking.rs`.

use super::Work;
use crate::defect::Defect;
use crate::edge::ledger::told;
use crate::edge::origin::{self, Answer};
use crate::edge::question;
use crate::edge::shard::{Asked, Shard, Unavailable};
use reprise::protocol::claim::{AttemptId, Begin, Begun, Ending, Settle, Settled};
use reprise::protocol::contract::Question;
use reprise::protocol::generations::{self, Both};
use reprise::protocol::outcome::Probed;
use reprise::protocol::policy::Shards;
use reprise::protocol::record::{Place, Record};
use reprise::protocol::time::Time;
use reprise::protocol::verdict::{Attempt, Verdict};

impl Work {
    pub(super) async fn begin(
        &mut self,
        event: &Begin,
        granted_s: Option<u64>,
    ) -> Result<Verdict, Unavailable> {
        let (asked, shards) = self.begin_in_each(event).await?;
        let Asked { begun, waited, .. } = self.answered(asked);
        let there = self.ledger_now();
        self.isolate
            .recent(|it| it.heard(event, &begun, self.now(), there));
        let in_the_way = waited || matches!(begun, Begun::Running { .. });
        self.exchange.waited_s = granted_s.filter(|_| in_the_way);
        let Begun::Unknown {
            attempt,
            expires_at,
            lease_left_ms,
            same,
        } = begun
        else {
            return Ok(self.verdict(event, begun));
        };
        if let Some(record) = self.adopt(attempt, shards).await {
            self.world.figures.borrow_mut().adopted += 1;
            return Ok(Verdict::Replay(record));
        }
        if lease_left_ms == 0
            && same
            && (self.settings.ledger.other.is_none()
                || self.world.has(Defect::ProbesBetweenGenerations))
            && let Some(verdict) = self.probe(event, attempt, expires_at, shards).await
        {
            return Ok(verdict);
        }
        Ok(self.verdict(event, begun))
    }

    fn answered(&mut self, asked: Asked) -> Asked {
        self.asked_at = asked.at;
        self.ledger_at = asked.there;
        asked
    }

    async fn probe(
        &mut self,
        event: &Begin,
        attempt: AttemptId,
        expires_at: Time,
        shards: Shards,
    ) -> Option<Verdict> {
        let contract = self.guarded.contract;
        let Question { method, target } = contract.unknown.probe.clone()?;
        let question = Question {
            method,
            target: target.replace("{key}", self.guarded.key.as_str()),
        };
        let (world, isolate) = (&self.world, &self.isolate);
        let asked =
            question::ask(world, isolate, self.key, contract, &self.request, question).await;
        let answer = origin::read(asked.ok()?);
        if self.not_kept(&answer).is_some() {
            return None;
        }
        let probed = Probed::from(answer.happened());
        self.note(|| format!("the API says: {probed:?}"));
        self.world.figures.borrow_mut().probed(probed);
        match (probed, answer) {
            (Probed::Happened, Answer::Whole(status, headers, body)) => {
                let attempt = Attempt {
                    id: attempt,
                    first_seen: self.ledger_now(),
                    expires_at,
                    lease_left_ms: 0,
                };
                let print = self.fingerprint?;
                let (record, _, _) = self.keep(attempt, print, status, headers, body).await;
                let kept = !matches!(record.body, Place::NotKept(_));
                let settled = kept && self.settle_record(shards, record.attempt, &record).await;
                settled.then_some(Verdict::Replay(record))
            }
            (Probed::NeverHappened, _) => {
                if !self.settle_in(shards, attempt, Ending::Release).await {
                    return None;
                }
                let (asked, _) = self.begin_in_each(event).await.ok()?;
                let begun = self.answered(asked).begun;
                Some(self.verdict(event, begun))
            }
            _ => None,
        }
    }

    async fn begin_in_each(&mut self, event: &Begin) -> Result<(Asked, Shards), Unavailable> {
        let own = self.settings.ledger.own;
        let asked = self.shard(own).begin(event.clone()).await?;
        let permitted = matches!(asked.begun, Begun::Execute { .. });
        let found = self.beside(event, asked).await;
        let stands = matches!(found, Ok((_, shards)) if shards == own);
        if permitted && !stands {
            self.settle(event.attempt, Ending::Release).await;
        }
        found
    }

    async fn beside(
        &mut self,
        event: &Begin,
        asked: Asked,
    ) -> Result<(Asked, Shards), Unavailable> {
        let rules = self.settings.ledger;
        let other = rules.other.filter(|_| self.other_counts(&asked.begun));
        let Some(other) = other else {
            return Ok((asked, rules.own));
        };
        let look = Begin {
            wait_ms: 0,
            ..event.clone()
        };
        let found = self.shard(other).peek(look).await.ok();
        let both = generations::both(&asked.begun, found.map(|it| it.map(|it| it.begun)));
        self.note(|| match &both {
            Both::Own => "what the own generation says, counts".to_owned(),
            Both::Other(begun) => format!("the other generation: {}", told(begun)),
            Both::NoAnswer => "the other generation: no answer".to_owned(),
        });
        match both {
            Both::Own => Ok((asked, rules.own)),
            Both::Other(begun) => Ok((Asked { begun, ..asked }, other)),
            Both::NoAnswer => {
                self.no_permit = !matches!(asked.begun, Begun::Execute { .. });
                Err(Unavailable)
            }
        }
    }

    /// The real one, or one that is broken.
    fn other_counts(&self, own: &Begun) -> bool {
        match (self.world.defect, own) {
            (Some(Defect::NoPeek), _)
            | (Some(Defect::OwnMismatchCounts), Begun::Mismatch { .. }) => false,
            _ => generations::other_counts(own),
        }
    }

    async fn adopt(&mut self, attempt: AttemptId, shards: Shards) -> Option<Record> {
        let (record, _) = self.copy_of_answer().await?;
        if record.attempt != attempt && !self.world.has(Defect::AdoptAnyRecord) {
            return None;
        }
        let settled = self.settle_record(shards, attempt, &record).await;
        settled.then_some(record)
    }

    /// `attempt` is the record's own, unless a defect says otherwise.
    async fn settle_record(&mut self, shards: Shards, attempt: AttemptId, record: &Record) -> bool {
        let Ok(bytes) = record.encode() else {
            return false;
        };
        let ending = Ending::Store {
            record: bytes,
            expires_at: record.expires_at,
            fingerprint: record.fingerprint,
        };
        self.settle_in(shards, attempt, ending).await
    }

    pub(super) async fn settle_as(&mut self, record: &Record) -> bool {
        self.settle_record(self.settings.ledger.own, record.attempt, record)
            .await
    }

    pub(super) async fn settle(&mut self, attempt: AttemptId, ending: Ending) -> bool {
        self.settle_in(self.settings.ledger.own, attempt, ending)
            .await
    }

    async fn settle_in(&mut self, shards: Shards, attempt: AttemptId, ending: Ending) -> bool {
        if ending == Ending::Release {
            self.world
                .oracle
                .borrow_mut()
                .releases(attempt, self.world.now());
        }
        let claim = self.guarded.claim;
        let event = Settle {
            claim,
            attempt,
            ending: ending.clone(),
        };
        let settled = self.shard(shards).settle(event).await;
        let recorded = matches!(settled, Ok(Settled::Recorded));
        let (now, there) = (self.now(), self.ledger_now());
        self.isolate.recent(|it| {
            if recorded || self.world.has(Defect::RemembersUnconfirmed) {
                let own = (attempt == self.attempt).then(|| {
                    self.guarded
                        .sketch(self.attempt, &self.request, &self.contents)
                });
                it.settled(claim, attempt, own.as_deref(), ending, now, there);
            } else {
                it.forget(claim);
            }
        });
        recorded
    }

    fn shard(&self, shards: Shards) -> Shard {
        Shard::of(
            &self.world,
            &self.isolate,
            self.key,
            shards,
            self.guarded.claim,
        )
    }

    /// What the judge sees of a permit.
    fn verdict(&self, event: &Begin, begun: Begun) -> Verdict {
        if let Begun::Execute { lease_left_ms, .. } = begun {
            let since = self.now().since(self.asked_at);
            let now = self.world.now();
            let until = (now - since) + lease_left_ms;
            self.world
                .oracle
                .borrow_mut()
                .permitted(event.attempt, now, until);
        }
        Verdict::of(event, begun)
    }
}
