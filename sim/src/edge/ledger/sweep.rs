//! As `src/edge/ledger/sweep.rs`. How large a record is does not count here.

use super::Ledger;
use crate::objects::Object;
use crate::world::World;
use std::ops::Bound::{Excluded, Unbounded};
use std::rc::Rc;

/// More often than there, and less at a time: so that a run meets passes of several turns.
const EVERY_MS: u64 = 10 * 60 * 1000;
const PAUSE_MS: u64 = 100;
const ROWS: usize = 3;

impl Ledger {
    pub(super) fn set_alarm_once(&self, world: &Rc<World>, object: &Rc<Object>) {
        if !self.alarm_set.replace(true) && object.alarm().is_none() {
            object.set_alarm(world, EVERY_MS);
        }
    }

    pub(super) fn sweep(&self, world: &Rc<World>, object: &Rc<Object>) {
        let next = self.turn(world, object);
        self.alarm_set.set(next.is_some());
        if let Some(after) = next {
            object.set_alarm(world, after);
        }
    }

    fn turn(&self, world: &World, object: &Object) -> Option<u64> {
        let now = object.clock(world);
        let mut rows = object.rows.borrow_mut();
        let beyond = self.swept.take().map_or(Unbounded, Excluded);
        let piece = rows.range((beyond, Unbounded)).take(ROWS);
        let piece: Vec<_> = piece.map(|(id, row)| (*id, row.keep_until())).collect();
        for (id, until) in &piece {
            if *until <= now {
                rows.remove(id);
                world.figures.borrow_mut().swept += 1;
            }
        }
        if let Some((end, _)) = piece.last()
            && rows.range((Excluded(*end), Unbounded)).next().is_some()
        {
            self.swept.set(Some(*end));
            return Some(PAUSE_MS);
        }
        (!rows.is_empty()).then_some(EVERY_MS)
    }
}
