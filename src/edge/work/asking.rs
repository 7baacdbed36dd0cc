//! Asking the ledger: in both generations of shards where there are two, and in KV for the answer of an attempt that ended
//! before it could settle.

use super::Work;
use crate::edge::clock;
use crate::edge::log::elapsed;
use crate::edge::shard::{Asked, Shard, Unavailable};
use crate::protocol::claim::{AttemptId, Begin, Begun, Ending, Settle, Settled};
use crate::protocol::policy::Shards;
use crate::protocol::record::Record;
use crate::protocol::verdict::Verdict;

impl Work {
    /// `granted_s` is what the client asked to wait and the contract grants: the answer says so where it mattered (rule 9.16).
    pub(super) async fn begin(
        &mut self,
        event: &Begin,
        granted_s: Option<u64>,
    ) -> Result<Verdict, Unavailable> {
        let started = clock::now();
        let found = self.begin_in_each(event).await;
        self.line.ledger_ms += elapsed(started);
        let (Asked { at, begun, waited }, shards) = found?;
        self.asked_at = at;
        let in_the_way = waited || matches!(begun, Begun::Running { .. });
        self.exchange.waited_s = granted_s.filter(|_| in_the_way);
        if let Begun::Unknown { attempt, .. } = begun
            && let Some(record) = self.adopt(attempt, shards).await
        {
            return Ok(Verdict::Replay(record));
        }
        Ok(Verdict::of(event, begun))
    }

    /// The answer, and the shards that gave it. A claim is begun in the own shards first and looked for in the others then, and
    /// Workers for which these are the own ones do the same the other way round: whichever of two comes second sees the first,
    /// and gives way (rule 5.23).
    async fn begin_in_each(&mut self, event: &Begin) -> Result<(Asked, Shards), Unavailable> {
        let rules = self.settings.policy.ledger;
        let asked = self.shard(rules.own).begin(event.clone()).await?;
        let Some(other) = rules.other else {
            return Ok((asked, rules.own));
        };
        let permitted = matches!(asked.begun, Begun::Execute { .. });
        if !permitted && !matches!(asked.begun, Begun::Unknown { .. }) {
            return Ok((asked, rules.own));
        }
        match self.shard(other).peek(event.clone()).await {
            Ok(Some(begun)) if permitted || matches!(begun, Begun::Done { .. }) => {
                if permitted {
                    self.settle(event.attempt, Ending::Release).await;
                }
                Ok((Asked { begun, ..asked }, other))
            }
            Err(Unavailable) if permitted => {
                self.settle(event.attempt, Ending::Release).await;
                Err(Unavailable)
            }
            _ => Ok((asked, rules.own)),
        }
    }

    /// The answer of `attempt`, whose outcome the ledger does not know: a body lies in KV before the row points to it. It is
    /// settled in that attempt's name, and only if the claim is still that attempt's (rule 8.15).
    async fn adopt(&mut self, attempt: AttemptId, shards: Shards) -> Option<Record> {
        let (record, _) = self.copy_of_answer().await?;
        if record.attempt != attempt {
            return None;
        }
        let ending = Ending::Store {
            record: record.encode().ok()?,
            expires_at: record.expires_at,
        };
        let settled = self.settle_in(shards, attempt, ending).await;
        settled.then_some(record)
    }

    /// Whether the ledger holds the ending now.
    pub(super) async fn settle(&mut self, attempt: AttemptId, ending: Ending) -> bool {
        let own = self.settings.policy.ledger.own;
        self.settle_in(own, attempt, ending).await
    }

    async fn settle_in(&mut self, shards: Shards, attempt: AttemptId, ending: Ending) -> bool {
        let started = clock::now();
        let event = Settle {
            claim: self.guarded.claim,
            attempt,
            ending,
        };
        let settled = self.shard(shards).settle(event).await;
        self.line.ledger_ms += elapsed(started);
        matches!(settled, Ok(Settled::Recorded))
    }

    fn shard(&self, shards: Shards) -> Shard<'_> {
        Shard::of(&self.env, shards, self.guarded.claim)
    }
}
