// `npm test`: the native tests of the crate, of its reader of policies and of the bench's simulation, the model checker of its protocol, the
// simulation, the corpus of bad input, then the end-to-end tests on the built Worker.
//   npm test -- --rust     without the last      npm test -- --e2e    only the last
//   npm test -- <filter>   only tests with this in their name
// Its last line is `N passed, N failed`.

import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { build } from "./build.mjs";
import { show } from "./child.mjs";
import { Failure, runMain } from "./progress.mjs";
import { requireCargo } from "./setup/rust.mjs";

await runMain(async () => {
  const { rust, e2e, filter } = readArgs();
  const suites = [];
  if (rust || !e2e) suites.push(rustTests, modelTests, simulationTests, fuzzTests);
  if (e2e || !rust) suites.push(endToEndTests);

  const total = { passed: 0, failed: 0 };
  for (const suite of suites) {
    const { passed, failed } = await suite(filter).catch(failure);
    total.passed += passed;
    total.failed += failed;
  }
  process.exitCode = total.failed === 0 ? 0 : 1;
  console.log(`${total.passed} passed, ${total.failed} failed`);
});

function readArgs() {
  const options = { rust: { type: "boolean" }, e2e: { type: "boolean" } };
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (positionals.length > 1) throw new Error(`'${positionals[1]}' is a second filter`);
    return { ...values, filter: positionals[0] };
  } catch (error) {
    throw new Failure(`${error.message}: use \`npm test -- [--rust] [--e2e] [filter]\`.`);
  }
}

/** A suite that could not even run is one failure: the count must never look better than the truth. */
function failure(error) {
  console.error(error instanceof Failure ? `reprise: ${error.message}` : error);
  return { passed: 0, failed: 1 };
}

function rustTests(filter) {
  return cargoTest(["--package", "reprise", "--package", "reprise-policy", "--package", "reprise-bench-shards", ...(filter ? [filter] : [])]);
}

/** docs/proof.md. What it prints is a part of the result: how many states there are, and how each defect was found. */
function modelTests(filter) {
  return cargoTest(["--package", "reprise-model", ...(filter ? [filter] : []), "--", "--nocapture"]);
}

/** docs/proof.md. Ten thousand seeds, and every defect; what it prints is what was exercised. */
function simulationTests(filter) {
  return cargoTest(["--profile", "sim", "--package", "reprise-sim", ...(filter ? [filter] : []), "--", "--nocapture"]);
}

/** Bad input: what the fuzzer has found interesting, and random variations of it (docs/proof.md). */
function fuzzTests(filter) {
  return cargoTest(["--package", "reprise-fuzz", ...(filter ? [filter] : [])]);
}

async function cargoTest(args) {
  await requireCargo();
  const total = { passed: 0, failed: 0 };
  const colour = process.stdout.isTTY ? "always" : "auto";
  const code = await show("cargo", ["test", "--no-fail-fast", ...args], {
    env: { ...process.env, CARGO_TERM_COLOR: process.env.CARGO_TERM_COLOR ?? colour },
    onLine: (line) => {
      const result = stripVTControlCharacters(line).match(/^test result: \w+\. (\d+) passed; (\d+) failed;/);
      if (!result) return;
      total.passed += Number(result[1]);
      total.failed += Number(result[2]);
    },
  });
  if (code !== 0 && total.failed === 0) total.failed = 1;
  return total;
}

async function endToEndTests(filter) {
  const files = globSync("tests/e2e/**/*.test.ts").sort();
  if (files.length === 0) throw new Failure("there are no end-to-end tests in tests/e2e.");
  await build();

  const scratch = mkdtempSync(join(tmpdir(), "reprise-test-"));
  const count = join(scratch, "count.json");
  const args = ["--test", "--test-concurrency=2", "--disable-warning=ExperimentalWarning"];
  args.push("--test-reporter=spec", "--test-reporter-destination=stdout");
  args.push("--test-reporter=./scripts/count-reporter.mjs", `--test-reporter-destination=${count}`);
  // Where no test of a file has such a name, Node ends the file while its `before` is still at work, which would keep it alive.
  if (filter) args.push(`--test-name-pattern=${filter}`, "--test-force-exit");
  try {
    const code = await show("node", [...args, ...files]);
    const total = JSON.parse(readFileSync(count, "utf8"));
    if (code !== 0 && total.failed === 0) total.failed = 1;
    return total;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
