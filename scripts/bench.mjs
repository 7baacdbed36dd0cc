// `npm run bench`: builds what is measured, then runs bench/main.ts (docs/performance.md).

import { build, FEATURES } from "./build.mjs";
import { mustRun, show } from "./child.mjs";
import { runMain, step } from "./progress.mjs";
import { requireCargo, wasmRustEnv } from "./setup/rust.mjs";
import { workerBuildEnv } from "./setup/tools.mjs";

/** These need no Worker. */
const WITHOUT_BUILD = ["--help", "--from"];

await runMain(async () => {
  const args = process.argv.slice(2);
  if (args[0] === "shards") return await shards(args.slice(1));
  if (args.includes("hashing")) await buildHashing();
  else if (!args.some((arg) => WITHOUT_BUILD.includes(arg.split("=")[0]))) await build();
  process.exitCode = await show("node", ["--disable-warning=ExperimentalWarning", "bench/main.ts", ...args]);
});

/** bench/shards is a program of its own: it needs no runtime. */
async function shards(args) {
  await requireCargo();
  process.exitCode = await show("cargo", ["run", "--quiet", "--release", "--package", "reprise-bench-shards", "--", ...args]);
}

/** bench/hashing on the way that the Worker takes: cargo, wasm-bindgen, wasm-opt. */
async function buildHashing() {
  const env = await workerBuildEnv(await wasmRustEnv());
  const out = "build/hashing";
  const wasm = `${out}/hashing_bg.wasm`;
  await step("building the hash by itself", async () => {
    await mustRun("cargo", ["build", "--release", "--target", "wasm32-unknown-unknown", "--package", "reprise-bench-hashing"], { env });
    const built = "target/wasm32-unknown-unknown/release/reprise_bench_hashing.wasm";
    await mustRun(env.WASM_BINDGEN_BIN, [built, "--target", "web", "--no-typescript", "--out-dir", out, "--out-name", "hashing"], { env });
    await mustRun(env.WASM_OPT_BIN, ["-Oz", ...FEATURES, wasm, "-o", wasm]);
  });
}
