//! What an API publishes about its idempotency, as data (rule 10.4; `docs/reference/configuration.md`).
//!
//! The types here are what the rest of the protocol reads: resolved, checked, every value there. Each field names its axis
//! (`K1` to `D3`).
//!
//! `build.rs` compiles this same module, so a file that builds is a file that the Worker can read. Of the crate it therefore
//! depends on nothing but the table of the refusals' codes.

mod answer;
mod error_body;
mod errors;
mod headers;
mod never_store;
mod outcome;
mod parts;
mod pattern;
mod problem;
mod read;
mod request;
mod rules;
mod section;
mod source;
mod values;

pub use error_body::{ErrorBody, Placeholder};
pub use headers::{HOP_BY_HOP, RESERVED};
pub use outcome::{EDGE_STATUSES, Outcome, OutcomeTable};
pub use parts::{FingerprintPart, ScopePart};
pub use pattern::{NamePattern, Pattern};
pub use problem::{Problem, Problems};
pub use rules::{
    AfterExpiry, Anonymous, AuthorityRules, ErrorRules, ErrorTemplate, FingerprintRules,
    GatewayRules, Hint, KeyRules, KeySyntax, KeyToOrigin, LeaseOver, LedgerDown, LengthUnit,
    Malformed, Marker, MismatchRetry, MismatchRules, Missing, NeverStore, NeverThen, Question,
    Recorded, ReplayRules, ReplayStatus, RequestId, RetentionFrom, RetentionRules, RunningRules,
    ScopeRules, Signals, Test, UnknownRules, WhileRunning, Words,
};

pub(crate) use problem::{Report, nearest, one_of};
pub(crate) use read::{CONTRACT_FIELDS, read};
pub(crate) use section::{Layer, Located, Section};
pub(crate) use source::Source;

/// A contract, or a contract with the overrides of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// The name by which routes call it: its file's name without `.toml`.
    pub name: String,
    /// The document that it follows.
    pub source: String,
    /// Where the key is, and what it looks like (K1 to K5).
    pub key: KeyRules,
    /// The methods that it covers, in upper case (M1). A key on another method is ignored.
    pub methods: Vec<String>,
    /// Who is asking (S1, S2).
    pub scope: ScopeRules,
    /// What makes two requests the same (F1, F2).
    pub fingerprint: FingerprintRules,
    /// The answer to a key that comes back with another request (F3, F4).
    pub mismatch: MismatchRules,
    /// The answer while the first attempt runs (I1, I2).
    pub running: RunningRules,
    /// What follows when nobody knows whether the operation ran (I3).
    pub unknown: UnknownRules,
    /// What becomes of the claim, by what happened at the origin (O1, O3).
    pub outcome: OutcomeTable,
    /// What is not kept although its status says so (O2); any match suffices.
    pub never_store: Vec<NeverStore>,
    /// The header in which the origin itself says what becomes of its answer, in lower case (O2); `None` lets it say nothing.
    pub control_header: Option<String>,
    /// What a replay looks like (R1 to R5).
    pub replay: ReplayRules,
    /// Who is asked before a replay (A1).
    pub authority: AuthorityRules,
    /// How long a claim is kept (T1, T3).
    pub retention: RetentionRules,
    /// The form of the gateway's own errors (E1).
    pub errors: ErrorRules,
    /// What the gateway itself does (D1 to D3).
    pub gateway: GatewayRules,
}

impl Contract {
    /// Reads and checks one contract file by itself.
    ///
    /// # Errors
    /// Everything that is wrong with it, located in `contracts/NAME.toml`.
    pub fn parse(name: &str, text: &str) -> Result<Self, Problems> {
        let report = Report::default();
        let source = Source::parse(&contract_label(name), text, &report);
        let contract = source.map(|source| read_source(name, &source, &report));
        report.finish(contract)
    }
}

/// How errors call the file of a contract.
pub(crate) fn contract_label(name: &str) -> String {
    format!("contracts/{name}.toml")
}

/// Reads one contract file by itself.
pub(crate) fn read_source(name: &str, source: &Source<'_>, report: &Report) -> Contract {
    let layer = Layer {
        source,
        table: source.document(),
        offset: 0,
        rank: 0,
    };
    let top = Section::top(vec![layer], source.place(0, 0), report);
    if !is_name(name) {
        let mend = "use lower-case letters, digits and hyphens; \"none\" is taken";
        top.refuse(
            "",
            top.home(),
            format!("{name:?} is no name for a contract"),
            mend,
        );
    }
    let contract = read(name, &top);
    top.end();
    contract
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name != "none" && name.bytes().all(plain)
}
