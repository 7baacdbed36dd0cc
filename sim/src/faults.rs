//! What goes wrong, by name. A run draws which of these it has at all, and how often (`plan`).

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// For people.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

faults! {
    /// The caller gets an exception, and nothing arrives.
    CallLost = "a call to a shard is lost";
    /// The caller gets an exception, and the call arrives all the same, up to 40 s later.
    CallLate = "a call to a shard arrives after its caller gave up";
    /// The call arrives once more, up to 40 s later.
    CallTwice = "a call to a shard arrives twice";
    /// The call arrives, and the caller gets an exception.
    ReplyLost = "the reply of a shard is lost";
    /// Up to 20 s, on either way.
    CallSlow = "a call to a shard takes long";
    /// Marked as such; nothing arrives.
    Overloaded = "a shard is overloaded";
    /// The reply comes from another version, and cannot be read.
    OtherVersion = "the reply of a shard is of another version";
    /// All calls inside it fail, and what is in memory only is forgotten.
    ShardRestarts = "a shard restarts";
    /// All calls to it fail for some time.
    ShardGone = "a shard is out of reach";
    /// The alarm of a sweep comes late.
    SweepLate = "a sweep is late";
    /// It never comes.
    SweepNever = "a sweep never comes";
    /// One request's work ends where it stands.
    WorkerDies = "a Worker dies";
    /// Everything in an isolate does.
    IsolateDies = "an isolate dies";
    /// A Worker stands still for up to 20 s.
    WorkerStalls = "a Worker stalls";
    /// The object of a detached call is lost for its Worker: it has ended, or only the connection has.
    RunnerLost = "a Runner is lost";
    /// It hangs up before its answer.
    ClientGone = "a client goes away";
    /// A request that never reached the gateway.
    RequestLost = "a request is lost on its way";
    /// The gateway's answer is lost behind it.
    AnswerLost = "an answer is lost on its way";
    /// A body that breaks off.
    UploadBroken = "an upload breaks off";
    /// KV says no, and has not stored it.
    PutFails = "a KV put fails";
    /// KV says no, and has stored it.
    PutFailsAndLands = "a KV put fails and lands";
    /// KV says nothing; it may store it.
    PutHangs = "a KV put hangs";
    /// KV gives an error.
    GetFails = "a KV get fails";
    /// KV says nothing.
    GetHangs = "a KV get hangs";
    /// KV finds nothing although a value is there: it has not come so far, or an earlier miss is remembered.
    GetMisses = "a KV get misses";
    /// KV gives a value that has been overwritten.
    GetStale = "a KV get is stale";
    /// KV gives something else.
    GetCorrupt = "a KV get is corrupt";
    /// The API resets the connection before it has read anything.
    NotExecuted = "the API resets before it executes";
    /// The API executes, and resets the connection.
    NoAnswer = "the API executes and does not answer";
    /// The API answers after the deadline, or never.
    TooLate = "the API answers too late";
    /// The answer does not end.
    BrokenOff = "the API's answer breaks off";
    /// A page of the edge that says so: 521, 523, 525, 526, 530.
    EdgeNotReached = "the edge did not reach the API";
    /// Another page of the edge: 520, 522, 524, 527. The API may have executed.
    EdgeNoAnswer = "the edge got no answer of the API";
    /// A question of the gateway's own gets no answer, or a 5xx.
    QuestionFails = "the API does not answer a question";
    /// The clocks of Workers and shards differ, by up to 2 s.
    ClocksDiffer = "clocks differ";
    /// A shard's clock is set back, by up to 3 s.
    ClockBack = "a shard's clock steps back";
    /// A shard's clock is set forward, by up to 10 minutes.
    ClockForward = "a shard's clock jumps forward";
}
