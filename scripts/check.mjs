// `npm run check`: the lints. All of them run, so that one run tells all there is to mend.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { show } from "./child.mjs";
import { runMain } from "./progress.mjs";
import { wasmRustEnv } from "./setup/rust.mjs";

await runMain(async () => {
  const wasmEnv = await wasmRustEnv();
  const deny = ["--", "-D", "warnings"];
  const bundle = mkdtempSync(join(tmpdir(), "reprise-bundle-"));
  const checks = [
    ["cargo", ["fmt", "--all", "--check"]],
    ["cargo", ["clippy", "--quiet", "--workspace", "--all-targets", ...deny]],
    ["cargo", ["clippy", "--quiet", "--target", "wasm32-unknown-unknown", ...deny], wasmEnv],
    ["tsc", ["--noEmit", "-p", "tests/e2e"]],
    ["tsc", ["--noEmit", "-p", "conformance"]],
    ["tsc", ["--noEmit", "-p", "bench"]],
    ["wrangler", ["deploy", "--dry-run", "--outdir", bundle], { ...process.env, WRANGLER_SEND_METRICS: "false" }],
  ];
  const failed = [];
  for (const [command, args, env] of checks) {
    const name = `${command} ${args.join(" ")}`;
    console.log(`\n$ ${name}`);
    if ((await show(command, args, { env })) !== 0) failed.push(name);
  }
  rmSync(bundle, { recursive: true, force: true });
  console.log(failed.length === 0 ? "\nAll checks passed." : `\n${failed.length} checks failed:\n  ${failed.join("\n  ")}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
});
