// Which inputs are worth committing: few, short, and together reaching what everything that was found reaches.

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { Failure } from "../progress.mjs";

/** Of what the fuzzer has found, for each target. */
const MOST = 16;
const LONGEST = 1500;

/** The fuzzer calls inputs by their SHA-1; what has another name was written by hand, and stays. */
const FOUND = /^[0-9a-f]{40}$/;

/** Puts the inputs that reach the most, beside those written by hand, into the committed corpus of `target`. */
export async function keep(target, libfuzzer) {
  const [committed, found] = [resolve(`fuzz/corpus/${target}`), resolve(`target/fuzz/corpus/${target}`)];
  mkdirSync(found, { recursive: true });
  for (const name of readdirSync(committed)) if (FOUND.test(name)) copyFileSync(join(committed, name), join(found, name));
  const inputs = await reached(target, [committed, found], libfuzzer);
  const seen = new Set();
  const fresh = ({ edges }) => edges.filter((edge) => !seen.has(edge)).length;
  const take = ({ edges }) => edges.forEach((edge) => seen.add(edge));
  inputs.filter(({ path }) => !FOUND.test(basename(path))).forEach(take);
  const chosen = [];
  const candidates = inputs.filter(({ path, size }) => FOUND.test(basename(path)) && size <= LONGEST);
  while (chosen.length < MOST) {
    const best = candidates.reduce((a, b) => (fresh(b) > fresh(a) || (fresh(b) === fresh(a) && b.size < a.size) ? b : a));
    if (fresh(best) === 0) break;
    take(best);
    chosen.push(readFileSync(best.path));
  }
  for (const name of readdirSync(committed)) if (FOUND.test(name)) rmSync(join(committed, name));
  for (const bytes of chosen) writeFileSync(join(committed, createHash("sha1").update(bytes).digest("hex")), bytes);
  const all = new Set(inputs.flatMap(({ edges }) => edges)).size;
  console.log(`${target.padEnd(12)} ${readdirSync(committed).length} files reach ${seen.size} of ${all} edges`);
}

/** Every input with the edges that it reaches, from what libFuzzer writes down while it merges. */
async function reached(target, directories, libfuzzer) {
  const scratch = resolve(`target/fuzz/merge/${target}`);
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(join(scratch, "merged"), { recursive: true });
  const control = join(scratch, "control");
  const args = [join(scratch, "merged"), ...directories, "--", "-set_cover_merge=1", `-merge_control_file=${control}`];
  const { code, output } = await libfuzzer(target, args);
  if (code !== 0) throw new Failure(`the corpora of ${target} could not be merged:\n${output.split("\n").slice(-20).join("\n")}`);
  const [count, , ...lines] = readFileSync(control, "utf8").split("\n");
  const inputs = lines.slice(0, Number(count)).map((path) => ({ path, size: statSync(path).size, edges: [] }));
  for (const line of lines.slice(Number(count))) {
    const [word, index, ...features] = line.split(" ");
    // A feature is an edge and one of eight ranges of how often it was taken.
    if (word === "FT") inputs[Number(index)].edges = [...new Set(features.map((feature) => Number(feature) >> 3))];
  }
  return inputs;
}
