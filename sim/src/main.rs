//! `npm run simulate -- --seeds 1000000`, or `-- --seed 4711 --history`; it is `cargo run --profile sim -p reprise-sim --` by a
//! shorter name.

use reprise_sim::plan::Setting;
use reprise_sim::routes::ROUTES;
use reprise_sim::run::{Summary, report, run, run_many, threads};
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "Runs the gateway in a simulated world, once for each seed.

  --seeds N     so many seeds; default: 10000
  --from N      the first of them; default: 0
  --seed N      only this one
  --route NAME  only on this route (sim/src/routes.rs)
  --history     with --seed: everything that has happened in it
  --threads N   default: one for each core
  --help        this text";

struct Flags {
    seeds: u64,
    from: u64,
    seed: Option<u64>,
    history: bool,
    threads: usize,
    setting: Setting,
}

fn main() -> ExitCode {
    match flags() {
        Ok(Some(flags)) => match flags.seed {
            Some(seed) => one(seed, flags.history, flags.setting),
            None => many(&flags),
        },
        Ok(None) => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("reprise-sim: {wrong}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn flags() -> Result<Option<Flags>, String> {
    let mut flags = Flags {
        seeds: 10_000,
        from: 0,
        seed: None,
        history: false,
        threads: threads(),
        setting: Setting::default(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--route" {
            let name = words.next().unwrap_or_default();
            let route = ROUTES.iter().find(|route| route.name == name);
            let route = route.ok_or_else(|| format!("there is no route {name:?}"))?;
            flags.setting.route = Some(route.name);
            continue;
        }
        let mut number = || {
            let value = words.next().unwrap_or_default();
            value
                .parse::<u64>()
                .map_err(|_| format!("{word} takes a number, not {value:?}"))
        };
        match word.as_str() {
            "--seeds" => flags.seeds = number()?,
            "--from" => flags.from = number()?,
            "--seed" => flags.seed = Some(number()?),
            "--threads" => flags.threads = usize::try_from(number()?.max(1)).unwrap_or(1),
            "--history" => flags.history = true,
            "--help" => return Ok(None),
            _ => return Err(format!("{word:?} is no flag")),
        }
    }
    Ok(Some(flags))
}

fn one(seed: u64, history: bool, setting: Setting) -> ExitCode {
    let outcome = run(seed, setting, history);
    if outcome.violation.is_some() {
        print!("{}", report(seed, setting));
        return ExitCode::FAILURE;
    }
    print!("{}", outcome.history);
    println!("{}\nseed {seed} keeps every promise", outcome.figures);
    ExitCode::SUCCESS
}

fn many(flags: &Flags) -> ExitCode {
    const MOST_FAILURES: usize = 20;
    let started = Instant::now();
    let summary = run_in_slices(flags, MOST_FAILURES, started);
    println!("{}", summary.figures);
    println!(
        "{:.1} s on {} threads",
        started.elapsed().as_secs_f32(),
        flags.threads
    );
    if let Some((first, _)) = summary.failed.first() {
        print!("{}", report(*first, flags.setting));
        for (seed, violation) in &summary.failed {
            println!(
                "seed {seed}: {}: {}",
                violation.promise.text(),
                violation.what
            );
        }
        return ExitCode::FAILURE;
    }
    println!("every seed keeps every promise");
    ExitCode::SUCCESS
}

/// A million seeds take an hour: how far they are goes to the standard error.
fn run_in_slices(flags: &Flags, most_failures: usize, started: Instant) -> Summary {
    const SLICE: u64 = 20_000;
    let mut sum = Summary::default();
    let mut done = 0;
    while done < flags.seeds && sum.failed.len() < most_failures {
        let count = SLICE.min(flags.seeds - done);
        let first = flags.from + done;
        let slice = run_many(first, count, flags.threads, flags.setting, most_failures);
        for (seed, violation) in &slice.failed {
            eprintln!("seed {seed} fails: {}", violation.promise.text());
        }
        sum.figures.add(&slice.figures);
        sum.failed.extend(slice.failed);
        done += count;
        if flags.seeds > SLICE {
            let (failed, took) = (sum.failed.len(), started.elapsed().as_secs());
            eprintln!("{done} of {} seeds, {failed} failed, {took} s", flags.seeds);
        }
    }
    sum
}
