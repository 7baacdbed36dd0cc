//! As `src/edge/question.rs` and `src/edge/authority.rs`.

use crate::api::{Outbound, Response};
use crate::world::{Isolate, World};
use reprise::protocol::contract::{AuthorityRules, Contract, Question};
use reprise::protocol::record::remove_reserved;
use reprise::protocol::refusal::{Code, Refusal};
use reprise::protocol::request::{Body, Inbound};
use std::rc::Rc;

const DEADLINE_MS: u64 = 10_000;

pub async fn ask(
    world: &Rc<World>,
    isolate: &Rc<Isolate>,
    key: Option<usize>,
    contract: &Contract,
    request: &Inbound,
    Question { method, target }: Question,
) -> Result<Response, ()> {
    let mut headers = request.headers.clone();
    headers.remove_hop_by_hop();
    remove_reserved(&contract.replay, &mut headers);
    headers.retain(|name, _| name != contract.key.header);
    let outbound = Outbound {
        method,
        target,
        headers,
        body: Body::Absent,
    };
    isolate.step(world, key).await;
    let answered = world.api.question(world, outbound);
    let answer = world.within(DEADLINE_MS, answered).await;
    let answer = answer.unwrap_or(Err(()));
    isolate.step(world, key).await;
    answer
}

pub async fn vouch(
    world: &Rc<World>,
    isolate: &Rc<Isolate>,
    key: Option<usize>,
    contract: &Contract,
    request: &Inbound,
) -> Result<(), Refusal> {
    let AuthorityRules::Origin(question) = &contract.authority else {
        return Ok(());
    };
    let answer = ask(world, isolate, key, contract, request, question.clone()).await;
    match answer.map(|answer| answer.status) {
        Err(()) | Ok(500..=599) => Err(Refusal::new(Code::AuthorityUnavailable, "")),
        Ok(status @ (401 | 403)) => {
            Err(Refusal::new(Code::AuthorityRefused, "").with_status(status))
        }
        Ok(_) => Ok(()),
    }
}
