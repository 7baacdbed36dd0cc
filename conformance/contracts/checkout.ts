import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, said } from "../contract.ts";
import type { Contract } from "../contract.ts";
import { DAY, faithful, heldUnknown, MARKER, PROBLEM, strictKey } from "./usual.ts";

const DOC = "Idempotency";
const conflict = { status: 429 };

export const checkout: Contract = {
  name: "checkout",
  document: "https://www.checkout.com/docs/payments/manage-payments/idempotency",
  guards: ["POST /payments", "POST /payments/{id}/captures", "POST /payments/{id}/refunds", "POST /payments/{id}/voids"],
  operation: { method: "POST", path: "/payments", type: "application/json", body: '{"amount":100,"currency":"GBP"}' },
  key: { header: "Cko-Idempotency-Key", max: 255 },
  marker: MARKER,
  running: conflict,
  errors: PROBLEM,
  rows: [
    said(DOC, "the first request under a Cko-Idempotency-Key is executed, and its answer arrives as it is", replay.firstAnswer()),
    said(DOC, "a retry gets the first answer", replay.replays()),
    said(DOC, "50 requests at once pay once", replay.oneOf50()),
    said(DOC, "the header of other APIs is no key here", key.otherHeader("Idempotency-Key")),
    said(DOC, "refunds take keys too", key.guards({ method: "POST", path: "/payments/pay_1/refunds", type: "application/json", body: "{}" })),
    said(DOC, "captures likewise", key.guards({ method: "POST", path: "/payments/pay_1/captures", type: "application/json", body: "{}" })),
    said(DOC, "voids likewise", key.guards({ method: "POST", path: "/payments/pay_1/voids", type: "application/json", body: "{}" })),
    said(DOC, "keys expire after 24 hours", replay.expires(DAY)),
    said(DOC, "a request whose key still runs: 429", running.refusedWhileRunning(conflict)),
    said(DOC, "202 is stored", outcome.stores(202)),
    said(DOC, "only 2xx is stored: after 400 the same key runs again", outcome.releases(400)),
    said(DOC, "after 422 likewise", outcome.releases(422)),
    said(DOC, "after 429 likewise", outcome.releases(429)),
    said(DOC, "after 500 likewise", outcome.releases(500)),
    said(DOC, "after 502 likewise", outcome.releases(502)),
    said(DOC, "without a key every request runs", key.missingPasses()),
    choice("a running request says when to come back", running.runningRetryAfter()),
    choice("keys belong to a credential", scope.otherCaller()),
    choice("keys that differ in case are two keys", key.caseMatters()),
    choice("GET is not guarded", key.ignoredOn({ method: "GET", path: "/payments" })),
    choice("replays are marked", replay.marksReplays()),
    ...heldUnknown,
    ...strictKey,
    ...faithful,
  ],
};
