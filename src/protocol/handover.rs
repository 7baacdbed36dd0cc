//! A request on its way to the object that runs it (docs/protocol.md rule 6.8), in the bytes of [`wire`](super::wire).

use super::claim::AttemptId;
use super::request::{Body, Inbound};
use serde::{Deserialize, Serialize};

/// Everything that the other side needs to do what this side would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// In whose name: the other side begins again as the same attempt (rule 5.4).
    pub attempt: AttemptId,
    /// The id of the exchange, for answers and logs.
    pub exchange: String,
    /// The request as it came.
    pub request: Inbound,
    /// Its whole body.
    pub body: Body,
}
