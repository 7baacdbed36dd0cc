//! The routes of the gateway that is simulated, and what an outsider expects of each. The expectations are written down once
//! more, from the contracts' documents, and not read from the contracts: a mistake there must not also be a mistake of the judge.

/// A route.
#[derive(Clone, Copy)]
pub struct Route {
    /// Its place under `/`, and for people.
    pub name: &'static str,
    /// Its `contract`.
    pub contract: &'static str,
    /// What else stands in its `[[routes]]`.
    pub toml: &'static str,
    /// Which requests are the same.
    pub compares: Compares,
    /// Whether its path is a part of what a key belongs to.
    pub key_has_path: bool,
    /// Whether a key without a credential is ignored.
    pub anonymous_passes: bool,
    /// What becomes of the claim, by the status of a whole answer.
    pub becomes: fn(u16) -> Becomes,
    /// What becomes of it when its owner is lost.
    pub lease_over: LeaseOver,
    /// How long the API may take, and how long an attempt is presumed to be alive, seconds.
    pub call: (u64, u64),
    /// How long an answer is kept, seconds.
    pub retention_s: u64,
    /// Whether from its completion on, instead of the first request.
    pub from_completion: bool,
    /// How long the key is refused afterwards, seconds.
    pub refuse_s: u64,
    /// Whether it runs without the ledger.
    pub unguarded: bool,
    /// Whether it runs in an object of its own.
    pub detached: bool,
    /// What becomes of an answer that the API calls private.
    pub private: Private,
}

/// What makes two requests under one key the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compares {
    /// Path and meaning of the body.
    Meaning,
    /// Path and every byte of the body.
    Bytes,
    /// Nothing.
    Nothing,
}

/// What becomes of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Becomes {
    /// The answer is kept.
    Kept,
    /// The key may run again.
    Released,
    /// Nobody knows, until it expires.
    Unknown,
}

/// What becomes of a claim whose owner is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseOver {
    /// It is unknown.
    Hold,
    /// The next one runs.
    RunAgain,
    /// The API is asked.
    Probe,
}

/// How an answer is marked that must not be kept, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Private {
    /// There are none.
    Never,
    /// It has a member `text`, or is no JSON: the claim is released.
    ByContent,
    /// It has a header `X-Private`: that it ran is kept.
    ByHeader,
    /// The API says `no-store` in `X-Keep`, or `ttl=60`.
    ByControl,
}

fn ietf(status: u16) -> Becomes {
    match status {
        401 | 403 | 408 | 425 | 429 | 501 | 503 => Becomes::Released,
        _ => Becomes::Kept,
    }
}

fn stripe(status: u16) -> Becomes {
    match status {
        401 | 429 | 503 => Becomes::Released,
        _ => Becomes::Kept,
    }
}

fn redactr(status: u16) -> Becomes {
    match status {
        401 | 403 | 429 => Becomes::Released,
        _ => Becomes::Kept,
    }
}

fn speechify(status: u16) -> Becomes {
    match status {
        401 | 403 | 408 | 425 | 429 | 500.. => Becomes::Released,
        _ => Becomes::Kept,
    }
}

fn only_success(status: u16) -> Becomes {
    match status {
        200..=299 => Becomes::Kept,
        _ => Becomes::Released,
    }
}

fn whop(status: u16) -> Becomes {
    match status {
        401 | 429 => Becomes::Released,
        500.. => Becomes::Unknown,
        _ => Becomes::Kept,
    }
}

const IETF: Route = Route {
    name: "ietf",
    contract: "ietf",
    toml: "",
    compares: Compares::Meaning,
    key_has_path: false,
    anonymous_passes: false,
    becomes: ietf,
    lease_over: LeaseOver::Hold,
    call: (4, 14),
    retention_s: 90,
    from_completion: false,
    refuse_s: 0,
    unguarded: false,
    detached: false,
    private: Private::Never,
};

/// All of them.
pub const ROUTES: [Route; 19] = [
    IETF,
    Route {
        name: "stripe",
        contract: "stripe",
        becomes: stripe,
        call: (3, 13),
        retention_s: 75,
        ..IETF
    },
    Route {
        name: "redactr",
        contract: "redactr",
        compares: Compares::Nothing,
        becomes: redactr,
        retention_s: 120,
        private: Private::ByContent,
        ..IETF
    },
    Route {
        name: "speechify",
        contract: "speechify",
        becomes: speechify,
        call: (2, 12),
        retention_s: 60,
        ..IETF
    },
    Route {
        name: "svix",
        contract: "svix",
        compares: Compares::Nothing,
        key_has_path: true,
        anonymous_passes: true,
        becomes: only_success,
        call: (4, 15),
        ..IETF
    },
    Route {
        name: "treasury",
        contract: "modern-treasury",
        compares: Compares::Nothing,
        becomes: only_success,
        call: (3, 14),
        retention_s: 100,
        ..IETF
    },
    Route {
        name: "whop",
        contract: "whop",
        compares: Compares::Bytes,
        anonymous_passes: true,
        becomes: whop,
        call: (3, 13),
        retention_s: 80,
        ..IETF
    },
    Route {
        name: "run-again",
        toml: "unknown = { lease_over = \"run-again\" }",
        lease_over: LeaseOver::RunAgain,
        ..IETF
    },
    Route {
        name: "probe",
        toml: "unknown = { lease_over = \"probe\", probe = \"GET /status?key={key}\" }",
        lease_over: LeaseOver::Probe,
        retention_s: 120,
        ..IETF
    },
    Route {
        name: "refuse",
        retention_s: 60,
        refuse_s: 45,
        ..IETF
    },
    Route {
        name: "completion",
        retention_s: 60,
        from_completion: true,
        ..IETF
    },
    Route {
        name: "unguarded",
        toml: "gateway = { ledger_down = \"run-unguarded\" }",
        unguarded: true,
        ..IETF
    },
    Route {
        name: "detached",
        toml: "dispatch = \"detached\"",
        call: (20, 30),
        retention_s: 120,
        detached: true,
        ..IETF
    },
    Route {
        name: "vouched",
        toml: "authority = { ask = \"origin\", request = \"GET /me\" }",
        ..IETF
    },
    Route {
        name: "control",
        toml: "outcome = { control_header = \"X-Keep\" }",
        retention_s: 120,
        private: Private::ByControl,
        ..IETF
    },
    Route {
        name: "wait-again",
        toml: "unknown = { lease_over = \"run-again\" }\nrunning = { answer = \"wait\", wait_seconds = 8, wait_cap_seconds = 20 }",
        lease_over: LeaseOver::RunAgain,
        call: (3, 13),
        ..IETF
    },
    Route {
        name: "spent",
        toml: "outcome = { never_store = [{ answer = \"header\", name = \"x-private\", then = \"spent\" }] }",
        private: Private::ByHeader,
        ..IETF
    },
    Route {
        name: "running-first",
        toml: "mismatch = { while_running = \"running-first\" }",
        ..IETF
    },
    Route {
        name: "again-late",
        toml: "unknown = { lease_over = \"run-again\" }",
        lease_over: LeaseOver::RunAgain,
        retention_s: 60,
        from_completion: true,
        refuse_s: 30,
        ..IETF
    },
];

impl Route {
    /// As the policy has it.
    pub fn policy(&self) -> String {
        let (deadline, lease) = self.call;
        let from = if self.from_completion {
            "completion"
        } else {
            "first-sight"
        };
        let refuse = match self.refuse_s {
            0 => String::new(),
            seconds => format!(", after = \"refuse\", refuse_seconds = {seconds}"),
        };
        format!(
            "[[routes]]\nmatch = \"POST /{}/*\"\ncontract = \"{}\"\ncall = {{ deadline_seconds = {deadline}, lease_seconds = {lease} }}\n\
             retention = {{ seconds = {}, from = \"{from}\"{refuse} }}\n{}\n",
            self.name, self.contract, self.retention_s, self.toml
        )
    }

    /// For how long an attempt is presumed to be alive, milliseconds.
    pub fn lease_ms(&self) -> u64 {
        self.call.1 * 1000
    }

    /// For how long at least a key is not new after its first request, milliseconds.
    pub fn retention_ms(&self) -> u64 {
        self.retention_s * 1000
    }

    /// For how long it is refused then, milliseconds.
    pub fn refuse_ms(&self) -> u64 {
        self.refuse_s * 1000
    }

    /// After so long, whatever has happened, every key is new again, milliseconds.
    pub fn longest_ms(&self) -> u64 {
        self.retention_ms() + self.refuse_ms() + self.lease_ms() + 120_000
    }
}
