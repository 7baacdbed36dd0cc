//! What must hold, by name and by the rule of docs/protocol.md that it follows from.

macro_rules! promises {
    ($($(#[$doc:meta])* $name:ident = $rules:literal, $text:literal;)*) => {
        /// A promise.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Promise { $($(#[$doc])* $name,)* }

        impl Promise {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The rules of docs/protocol.md that say so.
            pub fn rules(self) -> &'static str {
                match self { $(Self::$name => $rules,)* }
            }

            /// For people.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

promises! {
    /// Within a window, unless the key was released, or the contract runs again.
    ExecutedOnce = "5.1, 5.5, 5.17, 6.1", "the API executes once for a key and a window";
    /// Once a client has been told that nobody knows.
    UnknownIsHeld = "5.6, 7.3", "what is unknown is not executed again before it expires";
    /// With something left of its lease.
    OnePermit = "5.1, 5.3, 5.17", "one permit at a time";
    /// Seen at the gateway: until the answer, or until the call is given up.
    OneCallAtATime = "5.17, 6.4", "one call to the API at a time";
    /// By a request that came, in the name of the attempt that it made.
    ExecutedForACall = "6.1, 6.3", "the API executes for a request that the gateway has taken";
    /// Only where the operation did not run, or may run again.
    ReleasedForAReason = "5.9, 5.23, 5.24, 7.1 to 7.3", "a key is released for a reason";
    /// Only where the contract says so.
    GuardedUnlessSaidSo = "6.7", "nothing runs without the ledger, unless the contract says so";
    /// Status, body and headers.
    AnswerIsTheApis = "9.1 to 9.3, 8.7", "an answer is what the API answered, and is marked as a replay where it is one";
    /// All that are told an answer within a window are told the same one.
    OneAnswer = "5.5, 5.10, 9.2", "whoever gets an answer in a window gets the same answer";
    /// Of its own execution.
    FreshIsOwn = "9.4", "a first answer is of the request's own execution";
    /// Of this caller and this key.
    NoForeignAnswer = "3.2, 3.3", "no answer of another caller or of another key";
    /// Another request under the same key.
    NoAnswerOfAnother = "5.2", "no answer of another request";
    /// What the API or the contract do not want kept.
    NeverStored = "8.9 to 8.13", "what must not be kept is not replayed";
    /// Within the window.
    AnswerIsNotLost = "5.5, 8.5, 9.1", "what a client was told is what a retry is told";
    /// Nor beside what follows it.
    NoAnswerAfterExpiry = "5.7", "an answer is not told after it has expired";
    /// A claim stands behind every answer that is kept, and behind no other.
    ExpiryIsTold = "5.8, 8.13, 9.4", "an answer that is kept tells until when, and no other does";
    /// And only of another attempt that may be alive.
    RunningEndsWithTheLease = "5.3, 5.6", "running is told no longer than a lease after the last sign of life";
    /// There was another request.
    MismatchOfSomething = "5.2", "a mismatch is told where there was another request";
    /// There was one.
    ExpiredKeyWasUsed = "5.18", "a key is refused as expired where the contract says so, and it was used";
    /// There was an answer that could not be kept.
    SpentOfSomething = "8.2, 8.5", "an answer is said not to be kept where it could not be kept";
    /// Once nothing goes wrong any more.
    AnsweredInTheEnd = "promises 2 and 3", "whoever keeps asking gets a final answer once nothing goes wrong any more";
    /// Once it has expired, and is not refused any more.
    UsableAgain = "5.7, 5.18", "a key can be used again once it has expired";
}

/// A promise that was broken.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// Of which key.
    pub key: Option<usize>,
    /// When, milliseconds since the beginning.
    pub at: u64,
    /// How.
    pub what: String,
}
