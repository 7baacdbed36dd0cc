import * as compare from "../checks/compare.ts";
import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, said } from "../contract.ts";
import type { Contract } from "../contract.ts";
import { faithful, heldUnknown, MARKER, strictKey } from "./usual.ts";

const DOC = "Idempotency requirements";
const reused = { status: 422, code: "idempotency_conflict" };
const inFlight = { status: 409, code: "idempotency_in_flight" };
const create = { method: "POST", path: "/checkout_sessions", type: "application/json", body: '{"items":[{"id":"a","quantity":1},{"id":"b","quantity":2}],"total":1.0}' };

export const acp: Contract = {
  name: "acp",
  document: "Agentic Commerce Protocol: idempotency requirements",
  guards: ["POST /checkout_sessions", "POST /checkout_sessions/{id}", "POST /checkout_sessions/{id}/complete"],
  operation: create,
  key: { header: "Idempotency-Key", max: 255 },
  marker: MARKER,
  mismatch: reused,
  running: inFlight,
  errors: { code: ["/code"], message: ["/message"] },
  rows: [
    said(DOC, "the first request under a key is executed, and its answer arrives as it is", replay.firstAnswer()),
    said(DOC, "a retry gets the first answer", replay.replays()),
    said(DOC, "every POST needs a key: without one, 400 idempotency_key_required", key.missingRefused({ status: 400, code: "idempotency_key_required" })),
    said(DOC, "an update of a session needs one too", {
      id: "key-missing-update",
      async run(bench) {
        bench.isRefused(await bench.send({ operation: { ...create, path: "/checkout_sessions/cs_1" } }), { status: 400 });
        bench.executed(0);
      },
    }),
    said(DOC, "keys belong to an identity", scope.otherCaller()),
    said(DOC, "and to a path: one key on two operations is two requests", scope.apart("path", { operation: { ...create, path: "/checkout_sessions/cs_1/complete" } })),
    said(DOC, "another payload under a key: 422 idempotency_conflict", compare.mismatch("body", {}, { body: '{"items":[],"total":1.0}' })),
    said(DOC, "JSON counts by its meaning: 1.0 is 1, and members have no order", compare.equal("json", {}, { body: '{ "total": 1, "items": [{"quantity":1,"id":"a"}, {"quantity":2e0,"id":"b"}] }' })),
    said(DOC, "null is not the same as absent", compare.mismatch("null", {}, { body: '{"items":[{"id":"a","quantity":1},{"id":"b","quantity":2}],"total":1.0,"buyer":null}' })),
    said(DOC, "arrays have an order", compare.mismatch("array", {}, { body: '{"items":[{"id":"b","quantity":2},{"id":"a","quantity":1}],"total":1.0}' })),
    said(DOC, "a conflict leaves the first answer where it is", compare.mismatchLeaves()),
    said(DOC, "a request whose key is in flight: 409 idempotency_in_flight", running.refusedWhileRunning(inFlight)),
    said(DOC, "with Retry-After", running.runningRetryAfter()),
    said(DOC, "50 requests at once are one", replay.oneOf50()),
    said(DOC, "500 is never stored", outcome.releases(500)),
    said(DOC, "502 is never stored", outcome.releases(502)),
    said(DOC, "503 is never stored", outcome.releases(503)),
    said(DOC, "400 is a result", outcome.stores(400)),
    said(DOC, "the key is echoed", replay.echoesKey()),
    choice("GET is not guarded", key.ignoredOn({ method: "GET", path: "/checkout_sessions/cs_1" })),
    choice("keys of 255 characters work", key.longestKey()),
    choice("keys of 256 characters are refused", key.tooLongKey(255)),
    choice("replays are marked", replay.marksReplays()),
    ...heldUnknown,
    ...strictKey,
    ...faithful,
  ],
};
