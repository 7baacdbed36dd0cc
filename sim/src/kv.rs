//! Workers KV, as the platform describes it: a put may take a minute to be seen elsewhere, a miss is remembered, and both may
//! fail, with or without effect.

use crate::faults::Fault;
use crate::world::{Isolate, World};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::pending;
use std::rc::Rc;

/// The namespace.
#[derive(Default)]
pub struct Kv {
    values: RefCell<BTreeMap<String, Vec<Version>>>,
    /// Until when a place remembers that there is nothing.
    misses: RefCell<BTreeMap<(usize, String), u64>>,
}

struct Version {
    /// Where it was written: there, it is seen at once.
    place: usize,
    /// From when on it is seen everywhere.
    everywhere: u64,
    ends: u64,
    value: Rc<[u8]>,
}

/// For how long a miss is remembered, and a put may stay unseen, milliseconds.
const MINUTE: u64 = 60_000;

impl Kv {
    /// What is found under `name` from there.
    ///
    /// # Errors
    /// Where KV says that it failed.
    pub async fn get(
        &self,
        world: &World,
        at: &Isolate,
        name: &str,
    ) -> Result<Option<Rc<[u8]>>, ()> {
        world.latency().await;
        if world.unlucky(Fault::GetHangs) {
            return pending().await;
        }
        if world.unlucky(Fault::GetFails) {
            return Err(());
        }
        let place = (at.number, name.to_owned());
        if self
            .misses
            .borrow()
            .get(&place)
            .is_some_and(|until| world.now() < *until)
            && !world.is_calm()
        {
            return Ok(None);
        }
        if world.unlucky(Fault::GetMisses) {
            let until = world.now() + world.dice.short(MINUTE);
            self.misses.borrow_mut().insert(place, until);
            return Ok(None);
        }
        let found = self.found(world, at, name);
        if found.is_some() && world.unlucky(Fault::GetCorrupt) {
            return Ok(found.map(|value| self.corrupted(world, &value)));
        }
        Ok(found)
    }

    /// Stores `value` for so many seconds.
    ///
    /// # Errors
    /// Where KV says that it failed. It may have stored it all the same.
    pub async fn put(
        &self,
        world: &World,
        at: &Isolate,
        name: &str,
        value: Vec<u8>,
        ttl_s: u64,
    ) -> Result<(), ()> {
        world.latency().await;
        let hangs = world.unlucky(Fault::PutHangs);
        let fails = world.unlucky(Fault::PutFails);
        let fails_and_lands = world.unlucky(Fault::PutFailsAndLands);
        if fails_and_lands || !fails && (!hangs || world.dice.per_mille(500)) {
            self.store(world, at, name, value, ttl_s);
        }
        match (hangs, fails || fails_and_lands) {
            (true, _) => pending().await,
            (_, true) => Err(()),
            _ => Ok(()),
        }
    }

    fn store(&self, world: &World, at: &Isolate, name: &str, value: Vec<u8>, ttl_s: u64) {
        let lag = if world.unlucky(Fault::GetMisses) {
            MINUTE
        } else {
            500
        };
        let version = Version {
            place: at.number,
            everywhere: world.now() + world.dice.short(lag),
            ends: world.now() + ttl_s * 1000,
            value: value.into(),
        };
        self.misses
            .borrow_mut()
            .remove(&(at.number, name.to_owned()));
        let mut values = self.values.borrow_mut();
        values.entry(name.to_owned()).or_default().push(version);
    }

    fn found(&self, world: &World, at: &Isolate, name: &str) -> Option<Rc<[u8]>> {
        let now = world.now();
        let values = self.values.borrow();
        let versions = values.get(name)?;
        let seen = |version: &Version| {
            let here = version.place == at.number || now >= version.everywhere || world.is_calm();
            here && now < version.ends
        };
        let newest = versions.iter().rposition(seen)?;
        // Overwritten, or even ended: a place may have kept it for a while.
        let kept = |version: &&Version| now < version.ends + MINUTE;
        let before = versions[..newest].last().filter(kept);
        match before {
            Some(stale) if world.unlucky(Fault::GetStale) => Some(Rc::clone(&stale.value)),
            _ => Some(Rc::clone(&versions[newest].value)),
        }
    }
}

impl Kv {
    /// Cut short, or noise, or what stands under another name. (That single bits change on the way is the platform's to prevent.)
    fn corrupted(&self, world: &World, value: &[u8]) -> Rc<[u8]> {
        let values = self.values.borrow();
        match world.dice.below(3) {
            0 => value[..world.dice.index(value.len().max(1))].into(),
            1 => (0..value.len())
                .map(|_| world.dice.below(256) as u8)
                .collect(),
            _ => {
                let others: Vec<&Vec<Version>> = values.values().collect();
                let other = world.dice.pick(&others).last();
                other.map_or_else(|| value.into(), |version| Rc::clone(&version.value))
            }
        }
    }
}
