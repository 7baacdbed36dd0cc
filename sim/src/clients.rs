//! Who asks: callers that share key strings, send a request again for any reason or for none, change it in between, and go away.

use crate::edge::gateway::{self, Arriving};
use crate::faults::Fault;
use crate::oracle::{Asked, Content, Saw};
use crate::routes::{ROUTES, Route};
use crate::world::World;
use futures_util::future::{Either, select};
use reprise::protocol::headers::Headers;
use reprise::protocol::refusal::Code;
use reprise::protocol::request::{Body, Inbound};
use std::pin::pin;
use std::rc::Rc;

/// What a client wants done, and under which key.
#[derive(Clone)]
pub struct Operation {
    route: &'static Route,
    /// `None` is a caller without a credential.
    caller: Option<u64>,
    key: Key,
    content: Content,
}

/// What stands in the header.
#[derive(Clone)]
enum Key {
    Good(String),
    /// No key, or a value that is none.
    Bad(Option<&'static str>),
}

/// How many requests of one operation there are at most, one after the other.
const TRIES: u64 = 5;
/// How often somebody asks once more that gets no final answer although nothing goes wrong any more: for as long as what went wrong
/// before may still arrive, and then have a lease.
const PATIENCE: u64 = 8;

impl Operation {
    /// One of those that the plan allows.
    pub fn new(world: &World) -> Self {
        let (dice, plan) = (&world.dice, &world.plan);
        let route = &ROUTES[*dice.pick(&plan.routes)];
        let anonymous = dice.per_mille(30);
        let key = match dice.below(100) {
            0 => Key::Bad(None),
            1 => Key::Bad(Some("")),
            2 => Key::Bad(Some("one,two")),
            _ => Key::Good(format!("{}-{}", route.name, dice.zipf(plan.keys))),
        };
        Self {
            route,
            caller: (!anonymous).then(|| dice.below(plan.callers)),
            key,
            content: Content {
                path: u64::from(dice.per_mille(50)),
                meaning: dice.zipf(3),
                spelling: 0,
            },
        }
    }

    /// The same, as one builds a retry: mostly equal, sometimes spelled in another way, sometimes another one.
    fn again(&self, world: &World) -> Self {
        let mut again = self.clone();
        match world.dice.below(20) {
            0 => again.content.meaning += 1,
            1 | 2 => again.content.spelling = 1,
            _ => {}
        }
        again
    }

    /// Sends it, over and over, until it is tired of it.
    pub async fn carry_out(self, world: Rc<World>) {
        let mut operation = self;
        for _ in 0..world.dice.between(1, TRIES) {
            if world.dice.per_mille(150) {
                let (twin, inside) = (operation.again(&world), Rc::clone(&world));
                world.executor.spawn(async move {
                    inside.pause(inside.dice.short(500)).await;
                    twin.send(&inside).await;
                });
            }
            let saw = operation.send(&world).await;
            if saw.is_some_and(Saw::is_final) && world.dice.per_mille(600) {
                return;
            }
            world.pause(world.dice.short(20_000)).await;
            operation = operation.again(&world);
        }
    }

    async fn send(&self, world: &Rc<World>) -> Option<Saw> {
        let text = match &self.key {
            Key::Good(text) => text,
            Key::Bad(_) => "none",
        };
        let key = self.number(world, text);
        if self.is_guarded() {
            world.last.borrow_mut().insert(key, self.clone());
        }
        self.ask(world, key).await.1
    }

    /// A key that is none, and one without a credential where the contract wants one: nobody judges what comes of it.
    fn is_guarded(&self) -> bool {
        let is_anonymous = self.caller.is_none() && self.route.anonymous_passes;
        matches!(self.key, Key::Good(_)) && !is_anonymous
    }

    /// The number of the key, by everything that a key belongs to.
    fn number(&self, world: &World, key: &str) -> usize {
        let caller = self
            .caller
            .map_or("nobody".to_owned(), |caller| format!("caller {caller}"));
        let path = if self.route.key_has_path {
            format!(", path {}", self.content.path)
        } else {
            String::new()
        };
        let name = format!("{caller}, key {key}{path}");
        world.oracle.borrow_mut().key(name, self.route)
    }

    fn request(&self, world: &World, call: usize) -> (Inbound, Body) {
        let mut headers = Headers::new();
        let quoted = self.route.contract == "ietf"
            && self.route.name != "probe"
            && world.dice.per_mille(100);
        match &self.key {
            Key::Good(key) if quoted => headers.push("idempotency-key", format!("\"{key}\"")),
            Key::Good(key) => headers.push("idempotency-key", key),
            Key::Bad(Some(value)) => headers.push("idempotency-key", *value),
            Key::Bad(None) => {}
        }
        if let Some(caller) = self.caller {
            headers.push("authorization", format!("Bearer {caller}"));
        }
        if self.route.name == "wait-again" && world.dice.per_mille(300) {
            headers.push("prefer", format!("wait={}", world.dice.below(20)));
        }
        headers.push("content-type", "application/json");
        headers.push("x-call", call.to_string());
        let Content {
            path,
            meaning,
            spelling,
        } = self.content;
        let url = format!("https://gateway.test/{}/{path}", self.route.name);
        let body = match spelling {
            0 => format!("{{\"meaning\":{meaning},\"amount\":12.5,\"to\":[\"a\",\"b\"]}}"),
            _ => format!("{{ \"to\": [\"a\", \"b\"], \"amount\": 12.50, \"meaning\": {meaning} }}"),
        };
        let request = Inbound::new("POST", &url, headers).expect("an absolute URL");
        (request, Body::Bytes(body.into_bytes()))
    }
}

impl Operation {
    /// Sends a request, and tells the judge what its client was told; its number, and what the client makes of it.
    async fn ask(&self, world: &Rc<World>, key: usize) -> (usize, Option<Saw>) {
        let asked = Asked {
            key,
            content: self.content,
            guarded: self.is_guarded(),
            at: world.now(),
        };
        let call = world.oracle.borrow_mut().asks(asked);
        world.figures.borrow_mut().requests += 1;
        let who = || format!("client {call}");
        let Content {
            path,
            meaning,
            spelling,
        } = self.content;
        world.note(Some(key), who, || {
            let name = world.oracle.borrow().key_name(key).to_owned();
            format!(
                "sends {} {path}, body {meaning}.{spelling}: {name}",
                self.route.name
            )
        });
        let told = exchange(world, call, key, self).await;
        let told = told.filter(|_| !world.unlucky(Fault::AnswerLost));
        let saw = told
            .as_ref()
            .map(|told| world.oracle.borrow_mut().told(call, told, world.now()));
        world.note(Some(key), who, || match (&told, saw) {
            (Some(told), Some(saw)) => format!(
                "is told {}: {saw:?} {}",
                told.head.status,
                of(&told.head.headers)
            ),
            _ => "is told nothing".to_owned(),
        });
        world.figures.borrow_mut().saw(saw);
        (call, saw)
    }
}

async fn exchange(
    world: &Rc<World>,
    call: usize,
    key: usize,
    operation: &Operation,
) -> Option<gateway::Told> {
    world.latency().await;
    if world.unlucky(Fault::RequestLost) {
        return None;
    }
    let (request, body) = operation.request(world, call);
    let arriving = Arriving {
        call,
        key: Some(key),
        request,
        body: (!world.unlucky(Fault::UploadBroken)).then_some(body),
    };
    let isolate = Rc::clone(world.dice.pick(&world.isolates));
    let patience = if world.unlucky(Fault::ClientGone) {
        world.dice.short(12_000)
    } else {
        u64::from(u32::MAX)
    };
    let fetched = pin!(gateway::fetch(world, &isolate, arriving));
    let told = match select(fetched, pin!(world.pause(patience))).await {
        Either::Left((told, _)) => told?,
        Either::Right(_) => return None,
    };
    world.latency().await;
    Some(told)
}

fn of(headers: &Headers) -> String {
    let of = headers
        .get("x-execution")
        .map(|number| format!("execution {number} "));
    let until = headers
        .get("idempotency-expires")
        .map(|until| format!("until {until}"));
    of.unwrap_or_default() + &until.unwrap_or_default()
}

/// Once nothing goes wrong any more: whoever asked for something asks until there is a final answer, and once more.
pub async fn all_are_answered(world: &Rc<World>) {
    for (key, operation) in everything(world) {
        let (mut call, mut saw) = operation.ask(world, key).await;
        for _ in 0..PATIENCE {
            if !saw.is_some_and(Saw::is_final) {
                world.pause(10_000).await;
                (call, saw) = operation.ask(world, key).await;
            }
        }
        if !saw.is_some_and(Saw::is_final) {
            world.oracle.borrow_mut().unanswered(call, saw, world.now());
        }
        operation.ask(world, key).await;
    }
}

/// When everything has expired: every key can be used again, but for a caller that uses too many.
pub async fn all_are_usable(world: &Rc<World>) {
    for (key, operation) in everything(world) {
        let (mut call, mut saw) = operation.ask(world, key).await;
        for _ in 0..PATIENCE {
            if saw == Some(Saw::Refused(Code::TooManyKeys)) {
                world.pause(10_000).await;
                (call, saw) = operation.ask(world, key).await;
            }
        }
        if saw != Some(Saw::Fresh) {
            world.oracle.borrow_mut().not_usable(call, saw, world.now());
        }
    }
}

/// The last operation of every key that is guarded.
fn everything(world: &World) -> Vec<(usize, Operation)> {
    world.last.borrow().clone().into_iter().collect()
}
