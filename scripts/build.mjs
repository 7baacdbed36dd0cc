// Builds the Worker: build/index.js and build/index_bg.wasm. `wrangler deploy` runs this too.
//
// worker-build makes a Worker of the crate; src/edge/entry.js stands in front of it, and both become one file.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { mustRun } from "./child.mjs";
import { Failure, runMain, step } from "./progress.mjs";
import { wasmRustEnv } from "./setup/rust.mjs";
import { workerBuildEnv } from "./setup/tools.mjs";

const WASM = "build/index_bg.wasm";
/** The same with the names of its functions, which are an eighth of it: for a profile. */
const NAMED = "build/index_named.wasm";
const STAMP = "build/.reprise-inputs";
const INPUTS = ["src", "policy", "contracts", "docs/reference/refusals.md", "build.rs", "Cargo.toml", "Cargo.lock", ".cargo", "scripts/setup"];
/** What it may cost; the tests know the rest of it (tests/allocations.rs). */
const BUDGETS = JSON.parse(readFileSync("budgets.json", "utf8"));
/** The features of Wasm that worker-build enables, as wasm-opt takes them, and no others: the runtime must know them. */
export const FEATURES = ["bulk-memory", "exception-handling", "multivalue", "mutable-globals", "nontrapping-float-to-int", "reference-types", "sign-ext", "simd"].map(
  (name) => `--enable-${name}`,
);

/** Builds the Worker unless nothing it is made from has changed since it was built. */
export async function build() {
  // build.rs compiles the policy in, and lets this variable name another file for it.
  const inputs = hashOf([...INPUTS, process.env.REPRISE_POLICY || "reprise.toml"]);
  if (existsSync("build/index.js") && existsSync(NAMED) && existsSync(STAMP) && readFileSync(STAMP, "utf8") === inputs) return;
  const env = await workerBuildEnv(await wasmRustEnv());
  await step("building the Worker", () =>
    // The compiler's complaints are what matters here, not where worker-build was when it heard them.
    mustRun("worker-build", ["--release"], { env: { ...env, RUST_BACKTRACE: "0", RUST_LIB_BACKTRACE: "0" }, tail: 200 }),
  );
  await addEntry(env.ESBUILD_BIN);
  // Once more than worker-build does: what it has inlined leaves something to do. It is 2 KiB smaller, and no slower.
  await mustRun(env.WASM_OPT_BIN, ["-O3", "-g", ...FEATURES, WASM, "-o", NAMED]);
  await mustRun(env.WASM_OPT_BIN, ["--strip-debug", ...FEATURES, NAMED, "-o", WASM]);
  requireSmall();
  writeFileSync(STAMP, inputs);
}

async function addEntry(esbuild) {
  const built = "build/built.js";
  renameSync("build/index.js", built);
  const externals = ["./index_bg.wasm", "cloudflare:workers"].map((name) => `--external:${name}`);
  const flags = ["--bundle", "--format=esm", "--minify", `--alias:built=./${built}`, "--loader:.md=text", ...externals, "--log-level=warning"];
  await mustRun(esbuild, ["src/edge/entry.js", ...flags, "--outfile=build/index.js"]);
  rmSync(built);
}

function hashOf(paths) {
  const hash = createHash("sha256");
  const add = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) add(join(path, name));
    } else {
      hash.update(`${path}\0`).update(readFileSync(path)).update("\0");
    }
  };
  paths.forEach(add);
  return hash.digest("hex");
}

function gzippedKib() {
  return gzipSync(readFileSync(WASM), { level: 9 }).length / 1024;
}

function requireSmall() {
  const size = gzippedKib();
  const most = BUDGETS.wasm_gzipped_kib;
  if (size <= most) return;
  throw new Failure(`${WASM} is ${size.toFixed(1)} KiB gzipped, over the ${most} KiB that it may have (budgets.json): make it smaller.`);
}

/**
 * Milliseconds V8 takes to compile the module and instantiate it: the median of nine times. What else the machine does can only add to
 * it, so that one of five medians within the budget is enough.
 */
async function requireQuickStart() {
  const most = BUDGETS.startup_ms;
  const medians = [];
  while (medians.length < 5 && !(medians.at(-1) <= most)) medians.push(await startupMillis());
  const millis = Math.min(...medians);
  if (millis > most) throw new Failure(`compiling and instantiating ${WASM} takes ${millis.toFixed(1)} ms at best, over the ${most} ms that it may take (budgets.json).`);
  return millis;
}

async function startupMillis() {
  const bytes = readFileSync(WASM);
  const times = [];
  for (let run = 0; run < 9; run++) {
    const started = performance.now();
    const module = await WebAssembly.compile(bytes);
    await WebAssembly.instantiate(module, stubImports(module));
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[4];
}

/** Instantiation only links the imports; it calls none of them. */
function stubImports(module) {
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    // The one tag is that of the exceptions of JavaScript itself.
    (imports[from] ??= {})[name] = kind === "tag" ? WebAssembly.JSTag : () => {};
  }
  return imports;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(async () => {
    await build();
    requireSmall(); // where nothing had to be built, the budget may be another one
    console.log(`build/index_bg.wasm: ${gzippedKib().toFixed(1)} KiB gzipped, of ${BUDGETS.wasm_gzipped_kib}`);
    const millis = await requireQuickStart();
    console.log(`compiling and instantiating it in V8 of Node ${process.version}: ${millis.toFixed(1)} ms (median of 9), of ${BUDGETS.startup_ms}`);
  });
}
