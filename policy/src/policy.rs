//! What an operator decides: the origin, the routes with their contracts, and the limits (`reprise.toml`).
//!
//! [`Policy::parse`] takes the text of a policy and the texts of the contracts to plain, checked data. The same code runs
//! in `build.rs`, where an error ends the build, and in the Worker, once per isolate (rules 10.1 and 10.3).

mod cors;
mod limits;
mod origin;
mod routes;
mod template;

pub use cors::Cors;
pub use limits::{KvMode, LedgerRules, Limits, ResponseRules, Shards};
pub use origin::Origin;
pub use routes::{Deliver, Dispatch, Route};
pub use template::Template;

use super::contract::{Layer, Problems, Report, Section, Source};

/// A policy: what is guarded, how, and in front of what.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The API behind the gateway.
    pub origin: Origin,
    /// How claims are spread over the ledger's shards.
    pub ledger: LedgerRules,
    /// Where stored responses are kept.
    pub responses: ResponseRules,
    /// What is refused for its size.
    pub limits: Limits,
    /// Which sites may read what the gateway itself answers.
    pub cors: Cors,
    /// The routes, in the order of the file; never empty.
    pub routes: Vec<Route>,
}

impl Policy {
    /// Reads and checks the policy `text`, whose problems name the file `label`. `contracts` are pairs of name and text;
    /// those that no route names are not read.
    ///
    /// # Errors
    /// Every problem that was found, in the policy and in the contracts that it names.
    pub fn parse(label: &str, text: &str, contracts: &[(&str, &str)]) -> Result<Self, Problems> {
        let report = Report::default();
        let Some(source) = Source::parse(label, text, &report) else {
            return report.finish(None);
        };
        let layer = Layer {
            source: &source,
            table: source.document(),
            offset: 0,
            rank: 0,
        };
        let top = Section::top(vec![layer], source.place(0, 0), &report);
        let policy = Self {
            origin: origin::read(&top),
            ledger: limits::ledger(&top.table("ledger")),
            responses: limits::responses(&top.table("responses")),
            limits: limits::limits(&top.table("limits")),
            cors: cors::cors(&top.table("cors")),
            routes: routes::read(&top, layer, contracts, &report),
        };
        top.end();
        report.finish(Some(policy))
    }

    /// Whether any route guards some method of this normalised path.
    pub fn may_guard(&self, path: &str) -> bool {
        let mut guarding = self.routes.iter().filter(|route| route.contract.is_some());
        guarding.any(|route| route.template.matches(path))
    }

    /// The route that decides about a request: the first one whose method and template match (rules 1.1 and 1.2).
    /// `None` means that the request passes through, as `OPTIONS` always does (rule 1.4), and so does a route without a
    /// contract (rule 1.5).
    ///
    /// `path` is normalised (rule 1.3).
    pub fn route(&self, method: &str, path: &str) -> Option<&Route> {
        if method == "OPTIONS" {
            return None;
        }
        self.routes
            .iter()
            .find(|route| route.takes(method) && route.template.matches(path))
    }
}
