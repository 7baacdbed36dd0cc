// `npm run torture`: builds the Worker where it is needed, then runs torture/main.ts.

import { show } from "./child.mjs";
import { build } from "./build.mjs";
import { runMain } from "./progress.mjs";

/** These need no Worker of our own. */
const WITHOUT_BUILD = ["--help", "--check", "--target"];

await runMain(async () => {
  const args = process.argv.slice(2);
  if (!args.some((arg) => WITHOUT_BUILD.includes(arg.split("=")[0]))) await build();
  process.exitCode = await show("node", ["--disable-warning=ExperimentalWarning", "torture/main.ts", ...args]);
});
