// Installs the pinned npm packages, Node 24 among them, if package-lock.json has changed.
// Runs on the machine's own Node, before anything is installed: built-ins only.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mustRun } from "../child.mjs";
import { Failure, runMain, step } from "../progress.mjs";

const STAMP = "node_modules/.reprise-lock";
const NODE = "node_modules/.bin/node";

await runMain(async () => {
  const platform = `${process.platform}-${process.arch}`;
  const wanted = createHash("sha256").update(readFileSync("package-lock.json")).update(platform).digest("hex");
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted) return;

  await step("installing the npm packages (about 30 s, once)", () =>
    // No package here needs its install script: Node, esbuild and workerd come as
    // packages of the platform, so none is given the chance to run one.
    mustRun("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
      mend: "see that the npm registry can be reached, then run this again.",
    }),
  );
  const node = existsSync(NODE) ? NODE : "node";
  const { stdout } = await mustRun(node, ["--version"], {
    mend: `the packaged Node 24 does not run on ${platform}: use a glibc Linux or macOS.`,
  });
  if (parseInt(stdout.slice(1), 10) < 24) {
    throw new Failure(`no Node 24 is packaged for ${platform}: install it from https://nodejs.org, then run this again.`);
  }
  writeFileSync(STAMP, wanted);
});
