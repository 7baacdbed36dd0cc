// The tools that turn the crate into a Worker: worker-build and wasm-bindgen-cli.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { mustRun } from "../child.mjs";
import { Failure } from "../progress.mjs";
import { cached } from "./cache.mjs";

const CARGO_FUZZ = "0.13.2";

/** `env` with all that worker-build looks for, so that it downloads nothing itself. */
export async function workerBuildEnv(env) {
  // Each tool works only with the very version of its library that the crate is linked with.
  const workerBuild = await installed("worker-build", lockedVersion("worker"));
  const wasmBindgen = await installed("wasm-bindgen-cli", lockedVersion("wasm-bindgen"));
  return {
    ...env,
    PATH: join(workerBuild, "bin") + delimiter + env.PATH,
    WASM_BINDGEN_BIN: join(wasmBindgen, "bin/wasm-bindgen"),
    WASM_OPT_BIN: resolve("node_modules/.bin/wasm-opt"),
    ESBUILD_BIN: resolve("node_modules/.bin/esbuild"),
  };
}

/** The environment in which `cargo fuzz` runs, on the stable toolchain. */
export async function cargoFuzzEnv() {
  const tool = await installed("cargo-fuzz", CARGO_FUZZ);
  return {
    ...process.env,
    PATH: join(tool, "bin") + delimiter + process.env.PATH,
    // The profile of the Worker is small and slow.
    CARGO_PROFILE_RELEASE_OPT_LEVEL: "3",
    CARGO_PROFILE_RELEASE_LTO: "false",
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
  };
}

function lockedVersion(crate) {
  const found = readFileSync("Cargo.lock", "utf8").match(`name = "${crate}"\nversion = "([^"]+)"`);
  if (!found) throw new Failure(`Cargo.lock has no \`${crate}\`: restore it with \`git checkout Cargo.lock\`.`);
  return found[1];
}

function installed(name, version) {
  const minutes = Math.ceil(3 / availableParallelism());
  const label = `building ${name} ${version} (about ${minutes} min, once)`;
  // Unoptimised they take half the time to build, and half a second longer to run.
  const args = ["install", "--locked", "--debug", "--root"];
  return cached(`tools/${name}-${version}`, label, (directory) =>
    mustRun("cargo", [...args, directory, name, "--version", `=${version}`], {
      env: { ...process.env, CARGO_PROFILE_DEV_DEBUG: "0", CARGO_INCREMENTAL: "0" },
      mend: "see that crates.io can be reached, then run this again.",
    }),
  );
}
