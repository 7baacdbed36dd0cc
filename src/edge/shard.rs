//! The Worker's side of the ledger: `begin` and `settle`, and nothing else, so that what carries them can change.

use super::clock::{self, Timer};
use super::js::{self, ObjectNamespace};
use super::message;
use super::task::{self, Sleep};
use crate::protocol::claim::{Begin, Begun, ClaimId, Settle, Settled};
use crate::protocol::policy::Shards;
use crate::protocol::time::Time;
use crate::protocol::wire::{self, Answer, Call};
use js_sys::{Function, Uint8Array};
use std::cell::RefCell;
use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::JsValue;
use worker::Env;

/// The binding of the Durable Object namespace.
pub const BINDING: &str = "LEDGER";

/// An answer that belongs to another call.
const ODD: &str = "an answer to something else";

/// A call is tried this often. Both calls name their attempt, so a call whose reply was lost may be made again.
const TRIES: u32 = 3;

/// A shard that has not answered by then, milliseconds, has failed, all tries together; what a `begin` waits for its claim comes
/// on top. A lease is at least 10 s longer than the call to the origin: a permit that took longer to come would take from its time.
const DEADLINE_MS: u64 = 8_000;

/// The ledger gave no usable answer. What it did is not known.
#[derive(Debug)]
pub struct Unavailable;

/// What came of a `begin`.
pub struct Asked {
    /// When the call began that was answered, by the clock here: no lease that it gave is older.
    pub at: Time,
    /// When that call came in, by the clock of the shard.
    pub there: Time,
    /// The answer.
    pub begun: Begun,
    /// Whether another attempt was waited for.
    pub waited: bool,
}

/// A shard, as one attempt sees it.
pub struct Shard {
    /// `None` where it is not bound.
    namespace: Option<ObjectNamespace>,
    name: String,
    /// What asks it. Once a call has failed, all by the same one do: only one that works is kept.
    ask: RefCell<Option<Function>>,
    timer: Rc<Timer>,
}

impl Shard {
    /// The shard of `claim` among `shards`.
    pub fn of(env: &Env, shards: Shards, claim: ClaimId, timer: Rc<Timer>) -> Self {
        Self {
            namespace: js::binding(env, BINDING),
            name: format!("v{}/{}", shards.generation, claim.shard(shards.count)),
            ask: RefCell::default(),
            timer,
        }
    }

    /// May this attempt execute? At most `event.wait_ms` are waited in all.
    pub async fn begin(&self, event: Begin) -> Result<Asked, Unavailable> {
        self.in_time(event.wait_ms, self.begin_until_told(event))
            .await
    }

    async fn begin_until_told(&self, event: Begin) -> Result<Asked, Unavailable> {
        let give_up = clock::now().plus(event.wait_ms);
        let mut call = Call::Begin(event);
        let mut waited_before = false;
        loop {
            if let Some(mut asked) = self.ask(&mut call, give_up).await? {
                asked.waited |= waited_before;
                return Ok(asked);
            }
            // Only a call that has waited is answered so. The last one does not wait.
            waited_before = true;
        }
    }

    /// What is known here of a claim, without beginning it; `None` where it could be begun. At most `event.wait_ms` are waited.
    pub async fn peek(&self, event: Begin) -> Result<Option<Asked>, Unavailable> {
        let wait_ms = event.wait_ms;
        let give_up = clock::now().plus(wait_ms);
        self.in_time(wait_ms, self.ask(&mut Call::Peek(event), give_up))
            .await
    }

    async fn ask(&self, call: &mut Call, give_up: Time) -> Result<Option<Asked>, Unavailable> {
        let at = clock::now();
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
            Answer::Settled(_) => Err(self.failed(&ODD)),
        }
    }

    /// This attempt has ended.
    pub async fn settle(&self, event: Settle) -> Result<Settled, Unavailable> {
        let mut call = Call::Settle(event);
        match self.in_time(0, self.call(&mut call, clock::now())).await? {
            Answer::Settled(settled) => Ok(settled),
            Answer::Begun { .. } | Answer::Again => Err(self.failed(&ODD)),
        }
    }

    /// A call that is given up may still arrive, as one whose reply was lost (rule 5.26).
    async fn in_time<T>(
        &self,
        wait_ms: u64,
        work: impl Future<Output = Result<T, Unavailable>>,
    ) -> Result<T, Unavailable> {
        let done = match wait_ms {
            0 => self.timer.within(DEADLINE_MS, work).await,
            _ => clock::within(wait_ms + DEADLINE_MS, work).await,
        };
        done.unwrap_or_else(|| Err(self.failed(&"no answer in time")))
    }

    /// However often it is tried, a call waits until `give_up` at the latest, and never longer than it was to wait.
    async fn call(&self, call: &mut Call, give_up: Time) -> Result<Answer, Unavailable> {
        for attempt in 1..=TRIES {
            if let Call::Begin(event) | Call::Peek(event) = call {
                event.wait_ms = event.wait_ms.min(give_up.since(clock::now()));
            }
            let message = wire::encode(call).map_err(|_| Unavailable)?;
            match self.once(&message).await {
                Ok(answer) => return wire::decode(&answer).map_err(|error| self.failed(&error)),
                Err(error) => {
                    self.failed(&js::message(&error));
                    // An overloaded shard is not helped by being asked again.
                    if attempt == TRIES || js::flag(&error, "overloaded") {
                        break;
                    }
                }
            }
            Sleep::from(pause(attempt)).await;
        }
        Err(Unavailable)
    }

    /// Notes down what went wrong.
    fn failed(&self, why: &dyn Display) -> Unavailable {
        worker::console_error!("ledger {}: {why}", self.name);
        Unavailable
    }

    async fn once(&self, message: &[u8]) -> Result<Vec<u8>, JsValue> {
        let ask = match self.ask.take() {
            Some(ask) => ask,
            None => {
                let namespace = self.namespace.as_ref().ok_or("the binding is missing")?;
                js::shard(namespace, &self.name)?
            }
        };
        let answer = ask.call1(&JsValue::UNDEFINED, &Uint8Array::from(message))?;
        let answer = task::settled(answer).await?;
        self.ask.replace(Some(ask));
        message::received(&answer)
    }
}

/// 20 to 40 ms, then 40 to 80 ms: the jitter keeps callers of one shard apart.
fn pause(attempt: u32) -> Duration {
    let [jitter, ..] = clock::random();
    let base = 20 << (attempt - 1);
    Duration::from_millis(base + base * u64::from(jitter) / 255)
}
