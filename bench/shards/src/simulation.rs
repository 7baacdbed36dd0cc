//! Shards as queues: each serves one call after another, in the order in which they arrive.

use crate::load::{Micros, Request, RoundTrips};
use reprise::protocol::claim::ClaimId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Where shards are.
#[derive(Clone, Copy, PartialEq)]
pub enum Placement {
    /// Each where the request came from that reached it first, as the platform does it.
    First,
    /// All of them in the region with the most callers.
    One,
}

/// What stays the same from one number of shards to another.
pub struct Setting<'a> {
    /// The claim of each key.
    pub claims: &'a [ClaimId],
    /// What comes.
    pub requests: &'a [Request],
    /// How long a shard is busy with one call.
    pub service: Micros,
    /// How long the origin takes.
    pub origin: Micros,
    /// How far it is from region to region.
    pub round_trips: RoundTrips,
    /// Where the shards are.
    pub placement: Placement,
}

/// What became of all calls.
#[derive(Default)]
pub struct Outcome {
    /// Calls to each shard.
    pub calls: Vec<u64>,
    /// How long each call waited for those before it, in ascending order.
    pub waits: Vec<Micros>,
    /// How long each `begin` took its Worker, in ascending order.
    pub begins: Vec<Micros>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    Begin,
    Settle,
}

#[derive(Clone, Copy, Default)]
struct Shard {
    /// Its place in [`crate::load::REGIONS`], once there is one.
    region: Option<usize>,
    /// When it will have served all calls that have arrived.
    free: Micros,
    calls: u64,
}

/// Every request makes a `begin`. The first one of a key goes on to the origin, and then makes a `settle`; for any other, the `begin`
/// is all.
pub fn simulate(setting: &Setting, count: u32) -> Outcome {
    let mut shards = vec![Shard::default(); count as usize];
    let mut begun = vec![false; setting.claims.len()];
    let mut outcome = Outcome::default();
    let mut coming = setting.requests.iter().enumerate().peekable();
    // When a call arrives at its shard.
    let mut arriving = BinaryHeap::<Reverse<(Micros, Call, usize)>>::new();
    loop {
        // No call arrives before its request comes.
        let next = arriving.peek().map_or(Micros::MAX, |&Reverse((at, ..))| at);
        if let Some((index, request)) = coming.next_if(|(_, request)| request.at <= next) {
            let shard = &mut shards[setting.claims[request.key].shard(count) as usize];
            shard.region.get_or_insert(match setting.placement {
                Placement::First => request.region,
                Placement::One => 0,
            });
            let at = request.at + setting.way(request, shard);
            arriving.push(Reverse((at, Call::Begin, index)));
            continue;
        }
        let Some(Reverse((at, call, index))) = arriving.pop() else {
            break;
        };
        let request = &setting.requests[index];
        let shard = &mut shards[setting.claims[request.key].shard(count) as usize];
        let end = at.max(shard.free) + setting.service;
        shard.free = end;
        shard.calls += 1;
        outcome.waits.push(end - setting.service - at);
        if call == Call::Begin {
            let told = end + setting.way(request, shard);
            outcome.begins.push(told - request.at);
            if !std::mem::replace(&mut begun[request.key], true) {
                let settle = told + setting.origin + setting.way(request, shard);
                arriving.push(Reverse((settle, Call::Settle, index)));
            }
        }
    }
    outcome.calls = shards.iter().map(|shard| shard.calls).collect();
    outcome.waits.sort_unstable();
    outcome.begins.sort_unstable();
    outcome
}

impl Setting<'_> {
    /// How long a call is on its way, or its answer.
    fn way(&self, request: &Request, shard: &Shard) -> Micros {
        let place = shard.region.unwrap_or(request.region);
        self.round_trips.between(request.region, place) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::claims;

    const ROUND_TRIPS: RoundTrips = RoundTrips {
        same: 10.0,
        near: 40.0,
        far: 100.0,
    };

    /// Keys and regions of requests that all come at once, to one shard that is busy for 1 ms with each call.
    fn at_once(placement: Placement, requests: &[(usize, usize)]) -> Outcome {
        let requests: Vec<_> = requests
            .iter()
            .map(|&(key, region)| Request { at: 0, key, region })
            .collect();
        let setting = Setting {
            claims: &claims(requests.len()).unwrap(),
            requests: &requests,
            service: 1_000,
            origin: 500_000,
            round_trips: ROUND_TRIPS,
            placement,
        };
        simulate(&setting, 1)
    }

    #[test]
    fn calls_of_one_shard_wait_for_each_other() {
        let outcome = at_once(Placement::One, &[(0, 0), (1, 0), (2, 0)]);
        assert_eq!(outcome.begins, [11_000, 12_000, 13_000]);
        // Their settles arrive one after another as well, and so need not wait.
        assert_eq!(outcome.waits, [0, 0, 0, 0, 1_000, 2_000]);
        assert_eq!(outcome.calls, [6]);
    }

    #[test]
    fn only_the_first_request_of_a_key_settles() {
        assert_eq!(
            at_once(Placement::One, &[(0, 0), (0, 0), (1, 0)]).calls,
            [5]
        );
    }

    #[test]
    fn a_shard_is_where_it_was_reached_first_or_where_all_are() {
        // Region 3 is in the same part of the world as region 0, and region 1 is not.
        let begins = |placement| at_once(placement, &[(0, 1), (1, 3), (2, 0)]).begins;
        assert_eq!(begins(Placement::First), [11_000, 101_000, 102_000]);
        assert_eq!(begins(Placement::One), [11_000, 41_000, 101_000]);
    }
}
