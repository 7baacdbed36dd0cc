// `npm run fuzz -- [--seconds N] [--keep] [target …]`: the targets of fuzz/ under libFuzzer (docs/proof.md, "Fuzzing").
//
// What it finds interesting is kept in target/fuzz/corpus, beside the corpus that is committed; a finding in target/fuzz/artifacts.

import { existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { mustRun, run } from "./child.mjs";
import { keep } from "./fuzz/corpus.mjs";
import { Failure, runMain, step } from "./progress.mjs";
import { requireCargo } from "./setup/rust.mjs";
import { cargoFuzzEnv } from "./setup/tools.mjs";

const USAGE = `Bad input under a coverage-guided fuzzer: npm run fuzz -- [flags] [target …]

  --seconds N     how long each target runs; default: 60
  --keep          does not run them, but chooses anew what of the inputs found so far is committed
  --help          this text`;

/** The words in fuzz/dictionaries that a target is given. */
const DICTIONARIES = {
  contract: "toml", policy: "toml", decision: "http", header: "http", key: "http", never_store: "http",
  form: "form", query: "form", json: "json", multipart: "multipart",
};

/**
 * An input takes no longer than this many seconds, and the whole process no more than this many MiB. The seconds are those of a clock,
 * not of the processor: a machine that stands still must not be a finding.
 */
const LIMITS = ["-timeout=60", "-rss_limit_mb=1024"];

await runMain(async () => {
  const all = readdirSync("fuzz/fuzz_targets").map((file) => file.replace(/\.rs$/, "")).sort();
  const flags = readFlags(all);
  if (flags === undefined) return void console.log(USAGE);
  await requireCargo();
  const env = await cargoFuzzEnv();
  const options = ["--fuzz-dir", "fuzz", "--features", "libfuzzer", "--sanitizer", "none"];
  await step("building the targets (some minutes, once)", async () => {
    // Without names, cargo-fuzz builds all of them.
    const only = flags.targets.length === 1 ? flags.targets : [];
    const mend = "libFuzzer is built from source: see that there is a C++ compiler, then run this again.";
    await mustRun("cargo", ["fuzz", "build", ...options, ...only], { env, mend });
  });
  const libfuzzer = (target, args) => run("cargo", ["fuzz", "run", ...options, target, ...args], { env });
  if (flags.keep) {
    for (const target of flags.targets) await keep(target, libfuzzer);
    return;
  }
  const findings = [];
  for (const target of flags.targets) {
    if (!(await fuzz(target, flags.seconds, libfuzzer))) findings.push(target);
  }
  console.log(findings.length === 0 ? "no findings" : `findings in ${findings.join(", ")}`);
  process.exitCode = findings.length === 0 ? 0 : 1;
});

/** Undefined if they asked for help. */
function readFlags(all) {
  try {
    const options = { seconds: { type: "string", default: "60" }, keep: { type: "boolean" }, help: { type: "boolean" } };
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (values.help) return undefined;
    const seconds = Number(values.seconds);
    if (!/^\d+$/.test(values.seconds) || seconds < 1) throw new Error(`--seconds is '${values.seconds}': give a number from 1`);
    const unknown = positionals.find((name) => !all.includes(name));
    if (unknown !== undefined) throw new Error(`there is no target '${unknown}', but ${all.join(", ")}`);
    return { seconds, keep: values.keep, targets: positionals.length > 0 ? positionals : all };
  } catch (error) {
    throw new Failure(`${error.message}: see \`npm run fuzz -- --help\`.`);
  }
}

/** Runs one target and prints its line; whether it is without a finding. */
async function fuzz(target, seconds, libfuzzer) {
  // Absolute: cargo-fuzz takes paths as they are seen from fuzz/.
  const [found, artifacts] = [resolve(`target/fuzz/corpus/${target}`), resolve(`target/fuzz/artifacts/${target}`)];
  for (const directory of [found, artifacts]) mkdirSync(directory, { recursive: true });
  const dictionary = DICTIONARIES[target] === undefined ? [] : [`-dict=${resolve(`fuzz/dictionaries/${DICTIONARIES[target]}.dict`)}`];
  const flags = [`-max_total_time=${seconds}`, `-artifact_prefix=${artifacts}/`, "-print_final_stats=1", ...LIMITS, ...dictionary];
  const { code, output } = await libfuzzer(target, [found, resolve(`fuzz/corpus/${target}`), "--", ...flags]);
  const number = (name) => Number(output.match(new RegExp(`stat::${name}:\\s+(\\d+)`))?.[1] ?? 0).toLocaleString("en");
  const figures = `${number("number_of_executed_units")} runs, ${number("average_exec_per_sec")}/s, corpus ${readdirSync(found).length}`;
  console.log(`${target.padEnd(12)} ${figures}, ${code === 0 ? "no finding" : "a FINDING"}`);
  if (code !== 0) console.log(`${finding(output)}\n`);
  return code === 0;
}

/** What a finding says of itself, and how to see it again. */
function finding(output) {
  // A slow unit is written too, but is none.
  const artifact = output.match(/Test unit written to (\S+\/(?!slow-unit-)[^\s/]+)(?!\S)/)?.[1];
  const words = output.match(/panicked at [^]*?(?=\n(?:note:|stack backtrace:|==))|ERROR: libFuzzer: .*/)?.[0];
  const said = words ?? output.trimEnd().split("\n").slice(-15).join("\n");
  if (artifact === undefined || !existsSync(artifact)) return said;
  const bytes = JSON.stringify(readFileSync(artifact).toString("latin1").slice(0, 300));
  return `${said}\n  input: ${artifact} ${bytes}`;
}
