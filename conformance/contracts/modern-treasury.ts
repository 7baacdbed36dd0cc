import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, said } from "../contract.ts";
import type { Contract } from "../contract.ts";
import { faithful, heldUnknown, MARKER, PROBLEM, strictKey } from "./usual.ts";

const DOC = "Idempotent requests";
const conflict = { status: 409 };
const order = { method: "POST", path: "/api/payment_orders", type: "application/json", body: '{"amount":100}' };

export const modernTreasury: Contract = {
  name: "modern-treasury",
  document: "Modern Treasury: idempotent requests",
  guards: ["POST /api/*"],
  operation: order,
  key: { header: "Idempotency-Key", max: 255 },
  marker: MARKER,
  running: conflict,
  errors: PROBLEM,
  rows: [
    said(DOC, "the first request under a key is executed, and its answer arrives as it is", replay.firstAnswer()),
    said(DOC, "a retry gets the first answer", replay.replays()),
    said(DOC, "50 requests at once are one", replay.oneOf50()),
    said(DOC, "nothing is compared: another body gets the first answer", scope.shared("body", { body: '{"amount":101}' })),
    said(DOC, "the path is no part of the key: another operation gets the first answer", scope.shared("operation", { operation: { ...order, path: "/api/expected_payments" } })),
    said(DOC, "200 is a success and is kept", outcome.stores(200)),
    said(DOC, "202 likewise", outcome.stores(202)),
    said(DOC, "400 is no success: the same key runs again", outcome.releases(400)),
    said(DOC, "404 likewise", outcome.releases(404)),
    said(DOC, "409 likewise", outcome.releases(409)),
    said(DOC, "422 likewise", outcome.releases(422)),
    said(DOC, "500 likewise", outcome.releases(500)),
    said(DOC, "503 likewise", outcome.releases(503)),
    choice("a request whose key still runs: 409", running.refusedWhileRunning(conflict)),
    choice("keys belong to a credential", scope.otherCaller()),
    choice("without a key every request runs", key.missingPasses()),
    choice("replays are marked", replay.marksReplays()),
    choice("GET is not guarded", key.ignoredOn({ method: "GET", path: "/api/payment_orders" })),
    ...heldUnknown,
    ...strictKey,
    ...faithful,
  ],
};
