import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, said } from "../contract.ts";
import type { Contract } from "../contract.ts";
import { DAY, faithful, heldUnknown, MARKER, PROBLEM, strictKey } from "./usual.ts";

const DOC = "API idempotency";
const conflict = { status: [409, 422] };

export const adyen: Contract = {
  name: "adyen",
  document: "https://docs.adyen.com/development-resources/api-idempotency",
  guards: ["POST /v71/*"],
  operation: { method: "POST", path: "/v71/payments", type: "application/json", body: '{"amount":{"value":100,"currency":"EUR"},"reference":"r_1"}' },
  key: { header: "Idempotency-Key", max: 64 },
  credential: (token) => ["x-api-key", token],
  marker: MARKER,
  running: conflict,
  errors: PROBLEM,
  rows: [
    said(DOC, "the first request under a key is executed, and its answer arrives as it is", replay.firstAnswer(200)),
    said(DOC, "a retry gets the first answer", replay.replays(200)),
    said(DOC, "50 requests at once pay once", replay.oneOf50()),
    said(DOC, "keys of 64 characters work", key.longestKey()),
    said(DOC, "keys of 65 characters are refused", key.tooLongKey(64)),
    said(DOC, "a request whose key still runs: 409 or 422", running.refusedWhileRunning(conflict)),
    said(DOC, "with transient-error: true", running.runningHeader("transient-error", "true")),
    said(DOC, "the key is echoed", replay.echoesKey()),
    said(DOC, "keys are kept for 7 days", replay.expires(7 * DAY)),
    said(DOC, "without a key every request runs", key.missingPasses()),
    said(DOC, "a key on GET changes nothing", key.ignoredOn({ method: "GET", path: "/v71/payments" })),
    said(DOC, "a key on DELETE changes nothing", key.ignoredOn({ method: "DELETE", path: "/v71/payments" })),
    said(DOC, "a key on PUT changes nothing", key.ignoredOn({ method: "PUT", path: "/v71/payments", body: "{}" })),
    choice("a running request says when to come back", running.runningRetryAfter()),
    choice("keys belong to a credential", scope.otherCaller()),
    choice("a result of 422 is kept", outcome.stores(422)),
    choice("after 429 the same key runs again", outcome.releases(429)),
    choice("replays are marked", replay.marksReplays()),
    ...heldUnknown,
    ...strictKey,
    ...faithful,
  ],
};
