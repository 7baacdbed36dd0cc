//! How a setting is run.

use crate::setting::Setting;
use crate::step::Action;
use stateright::{Checker, HasDiscoveries, Model};
use std::time::{Duration, Instant};

/// What an exhausted setting came to.
pub struct Exhausted {
    /// How many different states there are.
    pub states: usize,
    /// How many actions the last of them is away from the beginning.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
}

/// Visits every state. Panics, with the way to it, where a property does not hold; and where something that should be reached is
/// not.
pub fn exhaust(setting: &Setting) -> Exhausted {
    let started = Instant::now();
    let checker = setting.checker().spawn_bfs().join();
    checker.assert_properties();
    assert!(checker.is_done());
    Exhausted {
        states: checker.unique_state_count(),
        depth: checker.max_depth() - 1,
        took: started.elapsed(),
    }
}

/// The shortest way to a state where `property` does not hold, or `None` if there is no such state.
pub fn shortest(setting: &Setting, property: &'static str) -> Option<Vec<Action>> {
    for steps in 1.. {
        let search = setting
            .checker()
            .finish_when(HasDiscoveries::AnyOf([property].into()));
        // The checker counts the states of a way, and looks at none that has so many.
        let checker = search.target_max_depth(steps + 2).spawn_bfs().join();
        if let Some(path) = checker.discovery(property) {
            return Some(path.into_actions());
        }
        if checker.max_depth() <= steps {
            break;
        }
    }
    None
}
