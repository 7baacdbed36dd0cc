//! As `src/edge/shard.rs`.

use crate::objects::Thrown;
use crate::world::{Isolate, World};
use reprise::protocol::claim::{Begin, Begun, ClaimId, Settle, Settled};
use reprise::protocol::policy::Shards;
use reprise::protocol::time::Time;
use reprise::protocol::wire::{self, Answer, Call};
use std::future::Future;
use std::rc::Rc;

const TRIES: u32 = 3;
const DEADLINE_MS: u64 = 8_000;

#[derive(Debug)]
pub struct Unavailable;

pub struct Asked {
    pub at: Time,
    pub there: Time,
    pub begun: Begun,
    pub waited: bool,
}

pub struct Shard {
    world: Rc<World>,
    isolate: Rc<Isolate>,
    key: Option<usize>,
    name: String,
}

impl Shard {
    pub fn of(
        world: &Rc<World>,
        isolate: &Rc<Isolate>,
        key: Option<usize>,
        shards: Shards,
        claim: ClaimId,
    ) -> Self {
        Self {
            world: Rc::clone(world),
            isolate: Rc::clone(isolate),
            key,
            name: format!("v{}/{}", shards.generation, claim.shard(shards.count)),
        }
    }

    pub async fn begin(&self, event: Begin) -> Result<Asked, Unavailable> {
        self.in_time(event.wait_ms, self.begin_until_told(event))
            .await
    }

    async fn begin_until_told(&self, event: Begin) -> Result<Asked, Unavailable> {
        let give_up = self.now().plus(event.wait_ms);
        let mut call = Call::Begin(event);
        let mut waited_before = false;
        loop {
            if let Some(mut asked) = self.ask(&mut call, give_up).await? {
                asked.waited |= waited_before;
                return Ok(asked);
            }
            waited_before = true;
        }
    }

    pub async fn peek(&self, event: Begin) -> Result<Option<Asked>, Unavailable> {
        let wait_ms = event.wait_ms;
        let give_up = self.now().plus(wait_ms);
        self.in_time(wait_ms, self.ask(&mut Call::Peek(event), give_up))
            .await
    }

    async fn ask(&self, call: &mut Call, give_up: Time) -> Result<Option<Asked>, Unavailable> {
        let at = self.now();
        match self.call(call, give_up).await? {
            Answer::Begun {
                begun,
                waited,
                at: there,
            } => Ok(Some(Asked {
                at,
                there,
                begun,
                waited,
            })),
            Answer::Again => Ok(None),
            Answer::Settled(_) => Err(Unavailable),
        }
    }

    pub async fn settle(&self, event: Settle) -> Result<Settled, Unavailable> {
        let mut call = Call::Settle(event);
        match self.in_time(0, self.call(&mut call, self.now())).await? {
            Answer::Settled(settled) => Ok(settled),
            Answer::Begun { .. } | Answer::Again => Err(Unavailable),
        }
    }

    async fn in_time<T>(
        &self,
        wait_ms: u64,
        work: impl Future<Output = Result<T, Unavailable>>,
    ) -> Result<T, Unavailable> {
        let done = self.world.within(wait_ms + DEADLINE_MS, work).await;
        done.unwrap_or(Err(Unavailable))
    }

    async fn call(&self, call: &mut Call, give_up: Time) -> Result<Answer, Unavailable> {
        for attempt in 1..=TRIES {
            if let Call::Begin(event) | Call::Peek(event) = call {
                event.wait_ms = event.wait_ms.min(give_up.since(self.now()));
            }
            let message = wire::encode(call).map_err(|_| Unavailable)?;
            match self.once(&message).await {
                Ok(answer) => return wire::decode(&answer).map_err(|_| Unavailable),
                Err(thrown) => {
                    if attempt == TRIES || thrown.overloaded {
                        break;
                    }
                }
            }
            self.world.pause(self.jittered(attempt)).await;
        }
        Err(Unavailable)
    }

    async fn once(&self, message: &[u8]) -> Result<Vec<u8>, Thrown> {
        self.isolate.step(&self.world, self.key).await;
        let objects = &self.world.objects;
        let answer = objects
            .fetch(&self.world, self.key, &self.name, message)
            .await;
        self.isolate.step(&self.world, self.key).await;
        answer
    }

    fn jittered(&self, attempt: u32) -> u64 {
        let base = 20 << (attempt - 1);
        base + self.world.dice.below(base + 1)
    }

    fn now(&self) -> Time {
        self.isolate.clock(&self.world)
    }
}
