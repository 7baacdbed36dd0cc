//! As `src/edge/origin.rs`. What stands behind `fetch` there is [`Api::call`](crate::api::Api::call) here.

use crate::api::{Came, Outbound, Response};
use crate::defect::Defect;
use crate::oracle::CallGuard;
use crate::world::{Isolate, World};
use reprise::protocol::contract::KeyToOrigin;
use reprise::protocol::decision::Guarded;
use reprise::protocol::headers::Headers;
use reprise::protocol::outcome::Happened;
use reprise::protocol::record::remove_reserved;
use reprise::protocol::replay::may_have_body;
use reprise::protocol::request::{Body, Inbound};
use reprise::protocol::scope;
use reprise::protocol::time::Time;
use reprise::protocol::verdict::{Attempt, Permit};
use std::rc::Rc;

pub enum Answer {
    None(Happened),
    Whole(u16, Headers, Vec<u8>),
    /// With the beginning of it; the rest is on its way.
    TooLarge(u16, Headers, Vec<u8>),
}

impl Answer {
    /// What can be sent on; `None` where there is nothing.
    pub fn open(self) -> Option<(u16, Headers, Vec<u8>)> {
        match self {
            Self::None(_) => None,
            Self::Whole(status, headers, body) | Self::TooLarge(status, headers, body) => {
                Some((status, headers, body))
            }
        }
    }

    pub fn happened(&self) -> Happened {
        match self {
            Self::None(happened) => *happened,
            Self::Whole(status, ..) | Self::TooLarge(status, ..) => Happened::Answer(*status),
        }
    }
}

#[allow(clippy::too_many_arguments)]
pub async fn dispatch(
    world: &Rc<World>,
    isolate: &Rc<Isolate>,
    key: Option<usize>,
    permit: Permit,
    guarded: &Guarded<'_>,
    request: &Inbound,
    body: &Body,
    asked_at: Time,
) -> (Attempt, Answer) {
    let attempt = permit.spend();
    let elapsed = isolate.clock(world).since(asked_at);
    let deadline_ms = guarded.route.deadline_ms;
    let time_ms = match attempt.time_for_call(deadline_ms, elapsed) {
        _ if world.has(Defect::CallOutlivesLease) => deadline_ms,
        Some(time_ms) => time_ms,
        None => return (attempt, Answer::None(Happened::NotSent)),
    };
    let mut outbound = outbound(guarded, attempt, request, body);
    if world.has(Defect::CallInAnotherName) {
        outbound.headers.set("idempotency-attempt", "another");
    }
    // What the call is seen to do from outside, and that it ends, whoever ends it.
    let mut seen = CallGuard::begins(world, attempt.id);
    let call = async {
        let answer = world.api.call(world, key, outbound).await;
        answer.map_or(Answer::None(Happened::NoAnswer), read)
    };
    let answer = world.within(time_ms, call).await;
    let answer = answer.unwrap_or(Answer::None(Happened::Deadline));
    seen.ends(&answer);
    (attempt, answer)
}

fn outbound(guarded: &Guarded<'_>, attempt: Attempt, request: &Inbound, body: &Body) -> Outbound {
    let mut headers = request.headers.clone();
    headers.remove_hop_by_hop();
    remove_reserved(&guarded.contract.replay, &mut headers);
    name_operation(guarded, &mut headers);
    headers.retain(|name, _| !matches!(name, "content-length" | "host" | "expect"));
    headers.push("idempotency-attempt", attempt.id.to_hex());
    Outbound {
        method: request.method.clone(),
        target: request.target(),
        headers,
        body: body.clone(),
    }
}

fn name_operation(guarded: &Guarded<'_>, headers: &mut Headers) {
    let rules = &guarded.contract.key;
    let of_the_key = |name: &str| name == rules.header || rules.aliases.iter().any(|a| a == name);
    match guarded.contract.gateway.key_to_origin {
        KeyToOrigin::AsItCame => {}
        KeyToOrigin::Removed => headers.retain(|name, _| !of_the_key(name)),
        KeyToOrigin::Derived => {
            headers.retain(|name, _| !of_the_key(name));
            headers.push(&rules.header, scope::origin_key(guarded.claim));
        }
    }
}

pub fn read(response: Response) -> Answer {
    let Response {
        status,
        headers,
        body,
    } = response;
    match (Happened::from_head(status, &headers), body) {
        (Happened::Answer(status), _) if !may_have_body(status) => {
            Answer::Whole(status, headers, Vec::new())
        }
        (Happened::Answer(status), Came::Whole(body)) => Answer::Whole(status, headers, body),
        (Happened::Answer(status), Came::Huge(start)) => Answer::TooLarge(status, headers, start),
        (Happened::Answer(_), Came::Broken) => Answer::None(Happened::BrokenOff),
        (other, _) => Answer::None(other),
    }
}
