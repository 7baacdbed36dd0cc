import * as compare from "../checks/compare.ts";
import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, example, said } from "../contract.ts";
import type { Contract } from "../contract.ts";
import { DAY, faithful, heldUnknown, MARKER, strictKey } from "./usual.ts";

const DOC = "Idempotency keys";
const invalid = { status: 400, code: "invalid_idempotency_key" };
const reused = { status: 409, code: "invalid_idempotent_request" };
const concurrent = { status: 409, code: "concurrent_idempotent_requests" };
const email = { method: "POST", path: "/emails", type: "application/json", body: '{"from":"a@example.com","to":["b@example.com"],"subject":"Hi"}' };

export const resend: Contract = {
  name: "resend",
  document: "https://resend.com/docs/dashboard/emails/idempotency-keys",
  guards: ["POST /emails", "POST /emails/batch"],
  operation: email,
  key: { header: "Idempotency-Key", max: 256, refused: invalid },
  marker: MARKER,
  mismatch: reused,
  running: concurrent,
  errors: { code: ["/name", "/code", "/error/code"], message: ["/message", "/error/message"] },
  rows: [
    said(DOC, "the first request under a key is executed, and its answer arrives as it is", replay.firstAnswer(200)),
    said(DOC, "a retry gets the first answer", replay.replays(200)),
    said(DOC, "batches take keys too", key.guards({ ...email, path: "/emails/batch" })),
    said(DOC, "50 requests at once send one e-mail", replay.oneOf50()),
    said(DOC, "a key of one character works", key.accepts("shortest", "k")),
    example(DOC, "welcome-user/123456789 is a key", key.accepts("slash", "welcome-user/123456789")),
    said(DOC, "keys of 256 characters work", key.longestKey()),
    said(DOC, "keys of 257 characters: 400 invalid_idempotency_key", key.tooLongKey(256, invalid)),
    said(DOC, "an empty key: 400 invalid_idempotency_key", key.emptyKey()),
    said(DOC, "another payload under a key: 409 invalid_idempotent_request", compare.mismatch("body", {}, { body: '{"from":"a@example.com","to":["c@example.com"],"subject":"Hi"}' })),
    said(DOC, "a conflict leaves the first answer where it is", compare.mismatchLeaves()),
    said(DOC, "a request whose key still runs: 409 concurrent_idempotent_requests", running.refusedWhileRunning(concurrent)),
    said(DOC, "so does another payload: that it runs is told first", running.otherWhileRunning("running", concurrent)),
    said(DOC, "keys are kept for 24 hours", replay.expires(DAY)),
    choice("without a key every request runs", key.missingPasses()),
    choice("keys belong to a credential", scope.otherCaller()),
    choice("after 429 the same key runs again", outcome.releases(429)),
    choice("after 500 the same key runs again", outcome.releases(500)),
    choice("replays are marked", replay.marksReplays()),
    ...heldUnknown,
    ...strictKey.filter(({ id }) => id !== "key-refused-empty"),
    ...faithful,
  ],
};
