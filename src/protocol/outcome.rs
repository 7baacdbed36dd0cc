//! What happened at the origin, and what follows from it (docs/protocol.md §7).

use super::contract::{EDGE_STATUSES, NeverThen, Outcome, OutcomeTable};
use super::headers::Headers;
use super::record::Unkept;

/// What became of the one call to the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// Certainly nothing reached the origin.
    NotSent,
    /// The request reached the origin without its end, and the connection was cut there (rule 7.7).
    UploadCut,
    /// The request may have been sent, and no answer came.
    NoAnswer,
    /// No answer, or no end of one, came in time.
    Deadline,
    /// The answer began and did not end: the origin has executed.
    BrokenOff,
    /// A page of the edge, not of the origin.
    EdgeMade(u16),
    /// A whole answer with this status.
    Answer(u16),
}

/// How an attempt ends, by what happened and by what may be kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The answer is kept, and given to the client.
    Store,
    /// The client gets the answer; that it was there is kept, and why it is not (rules 8.2 and 8.9).
    StoreHead(Unkept),
    /// The claim is removed; the client gets the answer, or a refusal where there is none.
    Release,
    /// The claim stays as unknown; the client gets a refusal.
    Hold,
}

/// What the origin's status route says of an operation whose outcome is unknown (rule 5.24).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probed {
    /// It happened, and this answer tells how it ended.
    Happened,
    /// The origin has never heard of it.
    NeverHappened,
    /// Nothing that helps.
    Unclear,
}

impl Probed {
    /// From the answer of the status route.
    pub fn from(answer: Happened) -> Self {
        match answer {
            Happened::Answer(200 | 201) => Self::Happened,
            Happened::Answer(404 | 410) => Self::NeverHappened,
            // Everything else may mean that it is still at work (202, 409), or that nobody could say.
            _ => Self::Unclear,
        }
    }
}

impl Happened {
    /// What the head of an answer says: the edge's own 52x pages are no answers of the origin (rule 7.2).
    pub fn from_head(status: u16, headers: &Headers) -> Self {
        let edge_made = headers
            .get("server")
            .is_some_and(|server| server.eq_ignore_ascii_case("cloudflare"));
        let made = EDGE_STATUSES.iter().any(|(made, _)| *made == status);
        match status {
            _ if made && edge_made => Self::EdgeMade(status),
            // A status that cannot be given to a client again is no answer that can be kept.
            200..=599 => Self::Answer(status),
            _ => Self::NoAnswer,
        }
    }

    /// What a page of the edge says about the origin: not reached, or no answer (rule 7.2).
    #[must_use]
    pub fn without_edge(self) -> Self {
        let Self::EdgeMade(status) = self else {
            return self;
        };
        if EDGE_STATUSES.contains(&(status, true)) {
            Self::NotSent
        } else {
            Self::NoAnswer
        }
    }

    /// How the attempt ends, given what is `not_kept` of the answer (rule 8.9), and whether it is too large to be (rule 8.2).
    pub fn ends(self, table: &OutcomeTable, not_kept: Option<NeverThen>, too_large: bool) -> Ends {
        match (self.outcome(table), not_kept, self) {
            (Outcome::Release, ..) | (Outcome::Store, Some(NeverThen::Release), _) => Ends::Release,
            (Outcome::Store, Some(NeverThen::Spent), _) => Ends::StoreHead(Unkept::Withheld),
            (Outcome::Store, None, Self::Answer(_)) if too_large => {
                Ends::StoreHead(Unkept::TooLarge)
            }
            (Outcome::Store, None, Self::Answer(_)) => Ends::Store,
            // An answer that is no answer cannot be stored; the policy's reader refuses to say so.
            (Outcome::Hold | Outcome::Store, ..) => Ends::Hold,
        }
    }

    /// What the contract does about it (rules 7.1 and 7.3).
    pub fn outcome(self, table: &OutcomeTable) -> Outcome {
        match self {
            Self::NotSent => table.not_sent,
            Self::UploadCut => table.upload_cut,
            Self::NoAnswer => table.no_answer,
            Self::Deadline => table.deadline,
            Self::BrokenOff => table.broken_off,
            Self::EdgeMade(status) => table.edge(status),
            Self::Answer(status) => table.status(status),
        }
    }
}
