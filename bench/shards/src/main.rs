//! `npm run bench -- shards`: how load spreads over shards, and what waiting for them comes to. No gateway runs: this is arithmetic
//! over the gateway's own choice of a shard, and over the times that it is given.

mod load;
mod simulation;

use lexopt::prelude::*;
use load::{Keys, Micros, RoundTrips, claims, requests};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use simulation::{Outcome, Placement, Setting, simulate};
use std::error::Error;

const USAGE: &str = "\
Simulates the shards of a ledger: npm run bench -- shards [flags]

  --rate N             requests a second; default: 100000
  --seconds N          for how long they come; default: 10
  --shards LIST        default: 16,64,256,1024
  --zipf LIST          exponents of how often keys are asked for; 0 is a new key each time; default: 0,0.9,1.1
  --keys N             how many keys there are, where they are asked for more than once; default: 1000000
  --service-ms N       how long a shard is busy with one call; default: 1
  --origin-ms N        how long the origin takes; default: 100
  --round-trips LIST   milliseconds from a Worker to a shard and back: in its region, in its part of the world, beyond;
                       default: 15,60,150

A call is in overload at a shard that gets more than it can serve: its waiting time grows for as long as they come. `one place` is a
`begin` where all shards are in the region with the most callers; else each is where it was reached first.

docs/operating.md says what it is for.";

/// Fixed, so that two runs say the same.
const SEED: u64 = 1;

struct Flags {
    rate: f64,
    seconds: f64,
    shards: Vec<u32>,
    zipf: Vec<f64>,
    keys: usize,
    service_ms: f64,
    origin_ms: f64,
    round_trips: RoundTrips,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(flags) = read_flags()? else {
        println!("{USAGE}");
        return Ok(());
    };
    // More than come within that time, if each brings a key of its own.
    let most = (flags.rate * flags.seconds * 1.1) as usize + 1_000;
    let claims = claims(flags.keys.max(most))?;
    println!("{}", line(&HEAD));
    for &exponent in &flags.zipf {
        let keys = if exponent == 0.0 {
            Keys::Unique
        } else {
            Keys::Zipf(exponent)
        };
        let rng = ChaCha8Rng::seed_from_u64(SEED);
        let requests = requests(rng, keys, flags.keys, flags.rate, flags.seconds)?;
        let setting = |placement| Setting {
            claims: &claims,
            requests: &requests,
            service: micros(flags.service_ms),
            origin: micros(flags.origin_ms),
            round_trips: flags.round_trips,
            placement,
        };
        for &count in &flags.shards {
            let first = simulate(&setting(Placement::First), count);
            let one = simulate(&setting(Placement::One), count);
            println!("{}", line(&row(&flags, keys, count, &first, &one)));
        }
    }
    Ok(())
}

const HEAD: [&str; 12] = [
    "keys",
    "shards",
    "calls/s",
    "busiest ×",
    "busy",
    "in overload",
    "wait p50",
    "p99 ms",
    "begin p50",
    "p99 ms",
    "one place p50",
    "p99 ms",
];

/// Of two runs: the shards where they were reached first, and all in one place.
fn row(flags: &Flags, keys: Keys, count: u32, first: &Outcome, one: &Outcome) -> [String; 12] {
    let total: u64 = first.calls.iter().sum();
    let mean = total as f64 / f64::from(count);
    let busiest = first.calls.iter().copied().max().unwrap_or_default() as f64;
    // What a shard can serve while requests come.
    let capacity = flags.seconds * 1_000.0 / flags.service_ms;
    let over = first.calls.iter().filter(|&&calls| calls as f64 > capacity);
    let over = over.sum::<u64>() as f64 / total as f64;
    let quantile = |sorted: &[Micros], q: f64| match over > 1.0 - q {
        true => "grows".to_owned(),
        false => format!("{:.1}", millis(sorted, q)),
    };
    [
        match keys {
            Keys::Unique => "unique".to_owned(),
            Keys::Zipf(exponent) => format!("Zipf {exponent}"),
        },
        count.to_string(),
        format!("{:.0}", mean / flags.seconds),
        format!("{:.2}", busiest / mean),
        format!("{:.0} %", busiest / capacity * 100.0),
        format!("{:.1} %", over * 100.0),
        quantile(&first.waits, 0.5),
        quantile(&first.waits, 0.99),
        quantile(&first.begins, 0.5),
        quantile(&first.begins, 0.99),
        quantile(&one.begins, 0.5),
        quantile(&one.begins, 0.99),
    ]
}

fn line(cells: &[impl AsRef<str>; 12]) -> String {
    let widths = [8, 6, 7, 9, 6, 11, 8, 6, 9, 6, 13, 6];
    let cells = cells.iter().map(AsRef::as_ref).zip(widths);
    let padded = cells.enumerate().map(|(place, (cell, width))| match place {
        0 => format!("{cell:width$}"),
        _ => format!("{cell:>width$}"),
    });
    padded.collect::<Vec<_>>().join("  ")
}

/// The value below which `q` (0 to 1) of the sorted values lie; the nearest rank.
fn millis(sorted: &[Micros], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    let found = sorted.get(rank.saturating_sub(1));
    found.copied().unwrap_or_default() as f64 / 1_000.0
}

fn micros(millis: f64) -> Micros {
    (millis * 1_000.0) as Micros
}

/// `None` if they ask for help.
fn read_flags() -> Result<Option<Flags>, Box<dyn Error>> {
    let mut flags = Flags {
        rate: 100_000.0,
        seconds: 10.0,
        shards: vec![16, 64, 256, 1024],
        zipf: vec![0.0, 0.9, 1.1],
        keys: 1_000_000,
        service_ms: 1.0,
        origin_ms: 100.0,
        round_trips: RoundTrips {
            same: 15.0,
            near: 60.0,
            far: 150.0,
        },
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("rate") => flags.rate = parser.value()?.parse()?,
            Long("seconds") => flags.seconds = parser.value()?.parse()?,
            Long("shards") => flags.shards = list(&mut parser)?,
            Long("zipf") => flags.zipf = list(&mut parser)?,
            Long("keys") => flags.keys = parser.value()?.parse()?,
            Long("service-ms") => flags.service_ms = parser.value()?.parse()?,
            Long("origin-ms") => flags.origin_ms = parser.value()?.parse()?,
            Long("round-trips") => match list(&mut parser)?[..] {
                [same, near, far] => flags.round_trips = RoundTrips { same, near, far },
                _ => return Err("--round-trips takes three numbers, such as 15,60,150".into()),
            },
            Long("help") => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Some(flags))
}

fn list<T>(parser: &mut lexopt::Parser) -> Result<Vec<T>, Box<dyn Error>>
where
    T: std::str::FromStr<Err: Error + 'static>,
{
    let text = parser.value()?.string()?;
    text.split(',').map(|each| Ok(each.parse()?)).collect()
}
