// Deploys with wrangler, whose [build] command builds first: `npm run deploy [-- --dry-run]`.

import { show } from "./child.mjs";

process.exitCode = await show("wrangler", ["deploy", ...process.argv.slice(2)]);
