import * as compare from "../checks/compare.ts";
import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, said } from "../contract.ts";
import type { Contract } from "../contract.ts";
import { Unlike } from "../verdict.ts";
import { DAY, faithful, heldUnknown, MARKER, PROBLEM, releasesAll, storesAll, strictKey } from "./usual.ts";

const reused = { status: 422 };
const conflict = { status: 409 };
const body = '{"amount":1.5,"items":["a","b"]}';

export const ietf: Contract = {
  name: "ietf",
  document: "draft-ietf-httpapi-idempotency-key-header-07",
  guards: ["POST,PATCH /v1/*"],
  operation: { method: "POST", path: "/v1/orders", type: "application/json", body },
  key: { header: "Idempotency-Key", max: 255 },
  marker: MARKER,
  mismatch: reused,
  running: conflict,
  errors: PROBLEM,
  rows: [
    said("1", "POST takes a key", replay.firstAnswer()),
    said("1", "PATCH takes a key", key.guards({ method: "PATCH", path: "/v1/orders/1", type: "application/json", body })),
    said("1", "PUT is idempotent already: a key on it changes nothing", key.ignoredOn({ method: "PUT", path: "/v1/orders/1", body })),
    said("1", "DELETE likewise", key.ignoredOn({ method: "DELETE", path: "/v1/orders/1" })),
    said("2.1", "the key is a structured-field string, in quotes", key.accepts("quoted", '"8e03978e-40d5-43dd-bc93-6894a57f9324"')),
    said("2.1", "a string that does not end is no key", key.refuses("open-quote", '"8e03978e')),
    said("2.1", "a string with something after it is no key", key.refuses("after-quote", '"8e03978e" 40d5')),
    choice("the bare form of a key is the same key", key.quotedIsBare()),
    choice("a key without quotes works", key.accepts("bare", "clkyoesmbgybucifusbbtdsbohtyuuwz")),
    said("2.4", "another payload is told from the first", compare.mismatch("body", {}, { body: '{"amount":1.6,"items":["a","b"]}' })),
    said("2.6", "a retry of a completed request gets its result", replay.replays()),
    said("2.6", "a result that is an error is a result: 400", outcome.stores(400)),
    said("2.6", "50 requests at once are one", replay.oneOf50()),
    said("2.7", "another payload gets 422", compare.mismatchSays("status", reused)),
    said("2.7", "a request whose key still runs gets 409", running.refusedWhileRunning(conflict)),
    said("2.7", "errors are problem documents", compare.mismatchShape("application/problem+json", { "/type": "string", "/title": "string", "/status": "number", "/detail": "string" })),
    said("2.7", "an error links to the documentation of the key", {
      id: "mismatch-link",
      async run(bench) {
        const key = bench.key();
        await bench.send({ key });
        const refused = await bench.send({ key, body: "{}" });
        bench.isRefused(refused, reused);
        const link = bench.offered(refused, "Link");
        if (!/;\s*rel="?describedby"?/i.test(link)) throw new Unlike('a Link with rel="describedby"', link);
      },
    }),
    said("2.2", "a key is not reused: the first request keeps its answer", compare.mismatchLeaves()),
    choice("the same JSON written otherwise is the same payload", compare.equal("json", {}, { body: '{ "items": ["\\u0061", "b"], "amount": 15e-1 }' })),
    choice("another query is another request", compare.mismatch("query", {}, { path: "/v1/orders?dry=1" })),
    choice("another media type is another request", compare.mismatch("media-type", {}, { type: "text/plain" })),
    choice("another path is another request", scope.conflicts({ method: "POST", path: "/v1/refunds" }, reused)),
    choice("while the first request runs, another payload is told so first", running.otherWhileRunning("mismatch", reused)),
    choice("a running request says when to come back", running.runningRetryAfter()),
    choice("clients that retry 409 are told to", running.runningHint("x-should-retry", "true")),
    choice("clients are told not to retry another payload", compare.mismatchHint("x-should-retry", "false")),
    choice("without a key every request runs", key.missingPasses()),
    choice("keys belong to a credential", scope.otherCaller()),
    choice("keys of 255 characters work", key.longestKey()),
    choice("keys of 256 characters are refused", key.tooLongKey(255)),
    choice("keys that differ in case are two keys", key.caseMatters()),
    choice("replays are marked", replay.marksReplays()),
    choice("a replay has an X-Request-ID of its own", replay.freshRequestId()),
    said("2.3", "how long a key is kept is told", replay.expires(DAY)),
    ...storesAll([200, 202, 301, 404, 409, 422, 500, 502, 504]),
    ...releasesAll([401, 403, 408, 425, 429, 501, 503]),
    ...heldUnknown,
    ...strictKey,
    ...faithful,
  ],
};
