// Runs cargo in the environment that can compile to Wasm: `sh scripts/run.sh wasm-cargo check`.

import { show } from "./child.mjs";
import { runMain } from "./progress.mjs";
import { wasmRustEnv } from "./setup/rust.mjs";

await runMain(async () => {
  const [command = "check", ...rest] = process.argv.slice(2);
  const args = [command, "--target", "wasm32-unknown-unknown", ...rest];
  process.exitCode = await show("cargo", args, { env: await wasmRustEnv() });
});
