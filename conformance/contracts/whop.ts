import * as compare from "../checks/compare.ts";
import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, said } from "../contract.ts";
import type { Contract } from "../contract.ts";
import { faithful, MARKER, PROBLEM, strictKey } from "./usual.ts";

const DOC = "Idempotent requests";
const reused = { status: 400 };
const conflict = { status: 409 };

export const whop: Contract = {
  name: "whop",
  document: "Whop API: idempotent requests",
  guards: ["POST /api/v1/*"],
  operation: { method: "POST", path: "/api/v1/transfers?currency=usd&dry=0", type: "application/json", body: '{"amount":100}' },
  key: { header: "Idempotency-Key", max: 255 },
  marker: MARKER,
  mismatch: reused,
  running: conflict,
  errors: PROBLEM,
  rows: [
    said(DOC, "the first request under a key is executed, and its answer arrives as it is", replay.firstAnswer()),
    said(DOC, "a retry gets the first answer", replay.replays()),
    said(DOC, "50 requests at once are one", replay.oneOf50()),
    said(DOC, "keys of 255 bytes work", key.longestKey()),
    said(DOC, "keys of 256 bytes are refused", key.tooLongKey(255)),
    said(DOC, "another body under a key: 400", compare.mismatch("body", {}, { body: '{"amount":101}' })),
    said(DOC, "another path under a key: 400", scope.conflicts({ method: "POST", path: "/api/v1/payouts?currency=usd&dry=0" }, reused)),
    said(DOC, "the query counts as it is written: in another order it is another request, 400", compare.mismatch("query", {}, { path: "/api/v1/transfers?dry=0&currency=usd" })),
    said(DOC, "another Api-Version-Date under a key: 400", compare.mismatch("version", { headers: [["Api-Version-Date", "2025-01-01"]] }, { headers: [["Api-Version-Date", "2025-06-01"]] })),
    said(DOC, "an Api-Version-Date that only one of them has: 400", compare.mismatch("version-absent", {}, { headers: [["Api-Version-Date", "2025-06-01"]] })),
    said(DOC, "the same Api-Version-Date is the same request", scope.sameCaller("version", { headers: [["Api-Version-Date", "2025-01-01"]] }, { headers: [["Api-Version-Date", "2025-01-01"]] })),
    said(DOC, "a request whose key still runs: 409", running.refusedWhileRunning(conflict)),
    said(DOC, "an outcome that nobody knows stays 409", outcome.holds("no-answer", conflict)),
    said(DOC, "also where the answer broke off", outcome.holds("broken-off", conflict)),
    said(DOC, "without credentials the key is ignored", scope.anonymousIgnored()),
    choice("keys belong to a credential", scope.otherCaller()),
    choice("without a key every request runs", key.missingPasses()),
    choice("a refusal leaves the first answer where it is", compare.mismatchLeaves()),
    choice("replays are marked", replay.marksReplays()),
    ...strictKey,
    ...faithful,
  ],
};
