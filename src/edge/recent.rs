//! What this isolate has seen done lately, whichever request saw it (rule 8.17).

use super::settings::Settings;
use crate::protocol::recent::Recent;
use std::cell::RefCell;

/// Looks into it, or writes into it; `None` where it is not to be relied on: while the number of shards changes, two of them say
/// together what is known (rule 5.23).
pub fn with<T>(settings: &Settings, work: impl FnOnce(&mut Recent) -> T) -> Option<T> {
    thread_local! {
        static RECENT: RefCell<Option<Recent>> = const { RefCell::new(None) };
    }
    if settings.policy.ledger.other.is_some() {
        return None;
    }
    RECENT.with_borrow_mut(|recent| {
        let limit = settings.policy.responses.memory_limit;
        Some(work(recent.get_or_insert_with(|| Recent::new(limit))))
    })
}
