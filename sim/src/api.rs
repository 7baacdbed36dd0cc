//! The API behind the gateway. It executes whatever reaches it, and every execution has another answer, by its number.

use crate::edge::ledger::short;
use crate::faults::Fault;
use crate::oracle::Answered;
use crate::routes::{Becomes, Private, ROUTES, Route};
use crate::world::{World, clock};
use futures_channel::oneshot;
use reprise::protocol::headers::Headers;
use reprise::protocol::request::Body;
use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

/// A request that the gateway sends.
pub struct Outbound {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Body,
}

/// What comes back.
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Came,
}

/// A body.
pub enum Came {
    /// All of it.
    Whole(Vec<u8>),
    /// It breaks off.
    Broken,
    /// The beginning of one that is larger than anything takes.
    Huge(Vec<u8>),
}

/// What the API remembers of its executions.
#[derive(Default)]
pub struct Api(RefCell<Vec<Execution>>);

struct Execution {
    number: usize,
    caller: Option<String>,
    key: String,
    route: &'static Route,
    at: u64,
    /// The status that it ended with.
    ended: Option<u16>,
}

const STATUSES: [(u16, u64); 20] = [
    (201, 34),
    (200, 14),
    (204, 4),
    (303, 3),
    (400, 3),
    (401, 2),
    (403, 2),
    (404, 2),
    (408, 2),
    (409, 3),
    (422, 2),
    (425, 2),
    (429, 6),
    (500, 6),
    (501, 2),
    (502, 2),
    (503, 5),
    (504, 2),
    (521, 2),
    (524, 2),
];

impl Api {
    /// One call.
    ///
    /// # Errors
    /// An exception of `fetch`. Whether the API has executed is not known.
    pub async fn call(
        &self,
        world: &Rc<World>,
        key: Option<usize>,
        request: Outbound,
    ) -> Result<Response, ()> {
        world.latency().await;
        if world.unlucky(Fault::NotExecuted) {
            return Err(());
        }
        if world.unlucky(Fault::EdgeNotReached) {
            return Ok(page(*world.dice.pick(&[521, 523, 525, 526, 530])));
        }
        let no_answer = world.unlucky(Fault::EdgeNoAnswer);
        let edge = *world.dice.pick(&[520, 522, 524, 527]);
        if no_answer && world.dice.per_mille(500) {
            return Ok(page(edge));
        }
        let answer = self.execute(world, key, &request);
        if world.unlucky(Fault::NoAnswer) {
            world.pause(world.dice.short(2_000)).await;
            return Err(());
        }
        let answer = answer.await.map_err(|_| ())?;
        world.latency().await;
        if no_answer {
            return Ok(page(edge));
        }
        Ok(answer)
    }

    /// A question of the gateway's own: who is asking, or whether it happened.
    ///
    /// # Errors
    /// No answer.
    pub async fn question(&self, world: &Rc<World>, request: Outbound) -> Result<Response, ()> {
        world.latency().await;
        if world.unlucky(Fault::QuestionFails) {
            return if world.dice.per_mille(500) {
                Err(())
            } else {
                Ok(bare(503))
            };
        }
        world.latency().await;
        let caller = request.headers.get("authorization").map(str::to_owned);
        match request.target.split_once("?key=") {
            Some((_, key)) => Ok(self.status_of(world, caller.as_deref(), key)),
            // A credential that has lost its right, for once.
            None if !world.is_calm() && world.dice.per_mille(20) => Ok(bare(401)),
            None => Ok(bare(200)),
        }
    }

    /// What became of the last request of that caller with that key, for as long as the key is kept.
    fn status_of(&self, world: &World, caller: Option<&str>, key: &str) -> Response {
        let executions = self.0.borrow();
        let is_it = |one: &&Execution| {
            let kept = one.route.retention_ms() + world.plan.late_ms();
            one.caller.as_deref() == caller && one.key == key && world.now() < one.at + kept
        };
        let Some(last) = executions.iter().rev().find(is_it) else {
            return bare(404);
        };
        match last.ended.map(|status| (last.route.becomes)(status)) {
            None => bare(202),
            Some(Becomes::Released) => bare(404),
            Some(Becomes::Kept | Becomes::Unknown) => {
                let mut headers = Headers::new();
                headers.push("content-type", "application/json");
                headers.push("x-execution", last.number.to_string());
                let body =
                    format!("{{\"execution\":{},\"state\":\"ended\"}}", last.number).into_bytes();
                world.oracle.borrow_mut().status_told(last.number, &body);
                Response {
                    status: *world.dice.pick(&[200, 201]),
                    headers,
                    body: Came::Whole(body),
                }
            }
        }
    }

    /// The request has arrived: it is executed, whether or not anybody waits for the answer.
    fn execute(
        &self,
        world: &Rc<World>,
        key: Option<usize>,
        request: &Outbound,
    ) -> oneshot::Receiver<Response> {
        let header = |name: &'static str| request.headers.get(name).map(str::to_owned);
        let attempt = header("idempotency-attempt");
        let call = header("x-call").and_then(|call| call.parse().ok());
        let number = world
            .oracle
            .borrow_mut()
            .executes(call, attempt.as_deref(), world.now());
        let who = || attempt.clone().map_or("nobody".to_owned(), short);
        world.note(
            key,
            || "api".to_owned(),
            || format!("executes {} as execution {number}", who()),
        );
        let named = |route: &&Route| request.target[1..].starts_with(&format!("{}/", route.name));
        let route = ROUTES.iter().find(named).unwrap_or(&ROUTES[0]);
        self.0.borrow_mut().push(Execution {
            number,
            caller: header("authorization"),
            key: header("idempotency-key").unwrap_or_default(),
            route,
            at: world.now(),
            ended: None,
        });
        let (reply, answer) = oneshot::channel();
        let inside = Rc::clone(world);
        world.executor.spawn(async move {
            let most = if inside.is_calm() { 300 } else { 2_000 };
            inside.pause(inside.dice.short(most)).await;
            if inside.unlucky(Fault::TooLate) {
                if inside.dice.per_mille(300) {
                    pending::<()>().await;
                }
                inside
                    .pause(inside.dice.between(1_000, 2 * route.call.0 * 1000))
                    .await;
            }
            let response = answer_to(&inside, route, number);
            inside.api.ended(number, response.status);
            inside.note(
                key,
                || "api".to_owned(),
                || format!("ends execution {number} with {}", response.status),
            );
            let _ = reply.send(response);
        });
        answer
    }

    fn ended(&self, number: usize, status: u16) {
        let mut executions = self.0.borrow_mut();
        if let Some(one) = executions.iter_mut().find(|one| one.number == number) {
            one.ended = Some(status);
        }
    }
}

fn answer_to(world: &World, route: &Route, number: usize) -> Response {
    let dice = &world.dice;
    let status = if world.is_calm() { 201 } else { status(world) };
    let mut headers = Headers::new();
    headers.push("date", clock(world.now(), 0).http_date());
    headers.push("x-execution", number.to_string());
    headers.push("set-cookie", format!("s={number}"));
    if dice.per_mille(300) {
        headers.push("x-request-id", format!("origin-{number}"));
    }
    let private = !world.is_calm() && route.private != Private::Never && dice.per_mille(250);
    let short_lived = route.private == Private::ByControl && !private && dice.per_mille(250);
    let mut media_type = "application/json";
    let mut extra = "";
    match route.private {
        Private::ByContent if private && dice.per_mille(500) => media_type = "application/pdf",
        Private::ByContent if private => extra = ",\"text\":\"secret\"",
        Private::ByHeader if private => headers.push("x-private", "yes"),
        Private::ByControl if private => headers.push("x-keep", "no-store"),
        Private::ByControl if short_lived => headers.push("x-keep", "ttl=60"),
        _ => {}
    }
    headers.push("content-type", media_type);
    let padding = if dice.per_mille(250) {
        dice.between(250, 900)
    } else {
        0
    };
    let body = format!(
        "{{\"execution\":{number}{extra},\"padding\":\"{}\"}}",
        "x".repeat(usize::try_from(padding).unwrap_or_default())
    );
    let body = if matches!(status, 204) {
        Vec::new()
    } else {
        body.into_bytes()
    };
    let huge = !world.is_calm() && !body.is_empty() && dice.per_mille(20);
    let broken = !body.is_empty() && world.unlucky(Fault::BrokenOff);
    // Nothing looks into what is too large, so it may be anything.
    let private = match route.private {
        Private::ByContent => huge || private && !body.is_empty(),
        _ => private,
    };
    world.oracle.borrow_mut().answers(
        number,
        Answered {
            status,
            body: body.clone(),
            at: world.now(),
            private,
            short_lived,
            huge,
            whole: !broken,
        },
    );
    Response {
        status,
        headers,
        body: match (broken, huge) {
            (true, _) => Came::Broken,
            (_, true) => Came::Huge(body),
            _ => Came::Whole(body),
        },
    }
}

fn status(world: &World) -> u16 {
    let all: u64 = STATUSES.iter().map(|(_, weight)| weight).sum();
    let mut at = world.dice.below(all);
    for (status, weight) in STATUSES {
        if at < weight {
            return status;
        }
        at -= weight;
    }
    201
}

/// An error page of the edge.
fn page(status: u16) -> Response {
    let mut headers = Headers::new();
    headers.push("server", "cloudflare");
    headers.push("content-type", "text/html");
    Response {
        status,
        headers,
        body: Came::Whole(b"<html>".to_vec()),
    }
}

fn bare(status: u16) -> Response {
    Response {
        status,
        headers: Headers::new(),
        body: Came::Whole(Vec::new()),
    }
}
