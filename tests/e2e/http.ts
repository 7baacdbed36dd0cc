// The origin and the gateway of the tests about HTTP. Each test file is a process of its own, and so has its own pair.

import { after } from "node:test";
import { startGateway } from "./gateway.ts";
import { startOrigin } from "./origin.ts";
import type { Script } from "./origin.ts";
import { policy } from "./policy.ts";

/** The limit for request bodies under test, in bytes. */
export const LIMIT = 64 * 1024;

export const origin = await startOrigin();
export const gateway = await startGateway({
  inspect: true,
  policy: policy(
    origin.url,
    { limits: `request_body = "64 KiB"` },
    "POST,PATCH /v1/*",
    { match: "/posts/*", rules: `methods = ["POST"]\n[routes.key]\nmissing = "refuse"` },
    { match: "POST /redirecting/*", rules: `[routes.outcome]\nstore = ["2xx", "4xx", "5xx"]\nrelease = ["3xx"]` },
    { match: "DELETE /deletable/*", rules: `methods = ["DELETE"]` },
    { match: "POST /required/*", rules: `[routes.key]\nmissing = "refuse"` },
    { match: "POST /sorted/*", rules: `[routes.fingerprint]\nparts = ["method", "path", "query", "body"]` },
    { match: "POST /raw/*", rules: `[routes.fingerprint]\nparts = ["method", "path", "query:raw", "body"]` },
    { match: "POST /ignoring/*", rules: `[routes.scope]\nanonymous = "ignore"` },
    { match: "POST /hosts/*", rules: `[routes.scope]\nparts = ["host"]` },
  ),
});

after(async () => {
  await gateway.close();
  await origin.close();
});

/** Claims in the ledger. */
export const claimCount = async (): Promise<number> => (await gateway.claims()).length;

/** Answers every method with its name, and preflights as an API with CORS would. */
export const echoMethod: Script = (request, response) => {
  response.writeHead(200, { "Content-Type": "text/plain", "X-Execution": request.number });
  response.end(request.method);
};
