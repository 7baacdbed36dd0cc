// `npm run simulate`: the gateway in a simulated world, once for each seed (docs/proof.md).

import { show } from "./child.mjs";
import { runMain } from "./progress.mjs";
import { requireCargo } from "./setup/rust.mjs";

await runMain(async () => {
  await requireCargo();
  const args = ["run", "--quiet", "--profile", "sim", "--package", "reprise-sim", "--", ...process.argv.slice(2)];
  process.exitCode = await show("cargo", args);
});
