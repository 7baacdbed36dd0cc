//! Who asks for what, from where, and when: all of it from one seed.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp, Zipf};
use reprise::protocol::claim::ClaimId;
use reprise::protocol::compiled;
use reprise::protocol::decision::{Decision, decide};
use reprise::protocol::policy::Policy;
use reprise::protocol::request::Inbound;
use reprise::protocol::time::Time;

/// A point of time, or a time, in microseconds.
pub type Micros = u64;

/// The regions in which the platform places objects, the one with the most callers first, each with its part of the world.
pub const REGIONS: [(&str, u8); 9] = [
    ("enam", 0),
    ("weur", 1),
    ("apac", 2),
    ("wnam", 0),
    ("eeur", 1),
    ("sam", 0),
    ("oc", 2),
    ("me", 1),
    ("afr", 1),
];

/// Milliseconds from a Worker to a shard and back.
#[derive(Clone, Copy)]
pub struct RoundTrips {
    /// Within a region.
    pub same: f64,
    /// Between two regions of one part of the world.
    pub near: f64,
    /// Between two parts.
    pub far: f64,
}

impl RoundTrips {
    /// Between the regions `a` and `b`.
    pub fn between(&self, a: usize, b: usize) -> Micros {
        let millis = if a == b {
            self.same
        } else if REGIONS[a].1 == REGIONS[b].1 {
            self.near
        } else {
            self.far
        };
        (millis * 1000.0) as Micros
    }
}

/// Which keys are asked for.
#[derive(Clone, Copy, PartialEq)]
pub enum Keys {
    /// A new one each time.
    Unique,
    /// Some more often than others: the n-th has the weight n^-exponent.
    Zipf(f64),
}

/// One request.
pub struct Request {
    /// When it comes.
    pub at: Micros,
    /// Its place in [`claims`].
    pub key: usize,
    /// Its place in [`REGIONS`].
    pub region: usize,
}

/// Requests at random times, `per_second` of them for `seconds`, in their order.
pub fn requests(
    mut rng: ChaCha8Rng,
    keys: Keys,
    different: usize,
    per_second: f64,
    seconds: f64,
) -> Result<Vec<Request>, Box<dyn std::error::Error>> {
    let gap = Exp::new(per_second)?;
    let region = Zipf::new(REGIONS.len() as f64, 1.0)?;
    let zipf = match keys {
        Keys::Unique => None,
        Keys::Zipf(exponent) => Some(Zipf::new(different as f64, exponent)?),
    };
    let mut requests = Vec::new();
    let mut now = 0.0;
    loop {
        now += gap.sample(&mut rng);
        if now >= seconds {
            return Ok(requests);
        }
        let key = match &zipf {
            None => requests.len(),
            Some(zipf) => rank(zipf, &mut rng),
        };
        requests.push(Request {
            at: (now * 1e6) as Micros,
            key,
            region: rank(&region, &mut rng),
        });
    }
}

fn rank(zipf: &Zipf<f64>, rng: &mut impl Rng) -> usize {
    zipf.sample(rng) as usize - 1
}

/// The claims of so many keys, as the gateway names them under the default contract.
pub fn claims(count: usize) -> Result<Vec<ClaimId>, Box<dyn std::error::Error>> {
    let policy = "origin = \"http://origin.test\"\n[[routes]]\nmatch = \"POST /v1/*\"\n";
    let policy = Policy::parse("shards", policy, compiled::CONTRACTS).map_err(|e| e.to_string())?;
    let claim = |key: usize| {
        let lines = [
            ("authorization".to_owned(), "Bearer sk_live_1".to_owned()),
            ("idempotency-key".to_owned(), format!("key-{key:028}")),
        ];
        let request = Inbound::new(
            "POST",
            "https://api.example.com/v1/orders",
            lines.into_iter().collect(),
        )?;
        match decide(&policy, &request, Time::from_millis(0)) {
            Decision::Guard(guarded) => Some(guarded.claim),
            _ => None,
        }
    };
    let claims: Option<Vec<_>> = (0..count).map(claim).collect();
    claims.ok_or_else(|| "the request is not guarded".into())
}
