import * as compare from "../checks/compare.ts";
import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, example, said } from "../contract.ts";
import type { Contract } from "../contract.ts";
import { DAY, faithful, heldUnknown, MARKER, PROBLEM, releasesAll, storesAll, strictKey } from "./usual.ts";

const WHEN = "When to use it";
const KEY = "Key design";
const RETRY = "Retry flow";
const CONFLICT = "Conflict handling";
const SCOPE = "Scope and storage";

const run = { kit: "kit_A1B2C3D4", conversation: "call_456", workspace: "ws_1", turns: ["Hello.", "Hi."] };
const body = (changed: Partial<typeof run> = {}): string => JSON.stringify({ ...run, ...changed });
const busy = { status: 503 };

export const semarize: Contract = {
  name: "semarize",
  document: "Semarize API guide: Idempotency",
  guards: ["POST /v1/runs"],
  operation: { method: "POST", path: "/v1/runs", type: "application/json", body: body() },
  key: { header: "Idempotency-Key", max: 255 },
  marker: MARKER,
  mismatch: { status: 409 },
  running: { ...busy, waits: 10 },
  errors: PROBLEM,
  rows: [
    said(WHEN, "a keyed run creation is executed once, and its answer arrives as it is", replay.firstAnswer(202)),
    said(WHEN, "a retry with the same key and body creates no second run and gets the first one's run_id", replay.replays(202)),
    said(WHEN, "a queue that delivers one job 50 times at once creates one run", replay.oneOf50()),
    said(WHEN, "a run creation without a key is not deduplicated", key.missingPasses()),
    said(WHEN, "a Kit that differs is another request: 409", compare.mismatch("kit", {}, { body: body({ kit: "kit_SUPPORT_QA" }) })),
    said(WHEN, "a conversation that differs is another request: 409", compare.mismatch("conversation", {}, { body: body({ conversation: "call_457" }) })),
    said(WHEN, "a workspace that differs is another request: 409", compare.mismatch("workspace", {}, { body: body({ workspace: "ws_2" }) })),
    said(WHEN, "any other body is another request: 409", compare.mismatch("body", {}, { body: body({ turns: ["Hi.", "Hello."] }) })),
    example(KEY, "crm-sync:deal_123:call_456:kit_A1B2C3D4 is a key", key.accepts("crm-sync", "crm-sync:deal_123:call_456:kit_A1B2C3D4")),
    example(KEY, "ticket-review:ticket_987:message_654:kit_SUPPORT_QA is a key", key.accepts("ticket-review", "ticket-review:ticket_987:message_654:kit_SUPPORT_QA")),
    example(KEY, "batch_2026_06_16:row_000182:kit_A1B2C3D4 is a key", key.accepts("batch", "batch_2026_06_16:row_000182:kit_A1B2C3D4")),
    said(RETRY, "after a timeout without a response, the same key and body get the run that was created", replay.lostAnswer()),
    said(RETRY, "a run is polled under its own address, whatever key the poll carries", key.ignoredOn({ method: "GET", path: "/v1/runs/run_1" })),
    said(RETRY, "after 429 the same key creates the run; the origin's Retry-After arrives", outcome.releases(429)),
    said(WHEN, "after 500 the same key creates the run", outcome.releases(500)),
    said(WHEN, "after 502 the same key creates the run", outcome.releases(502)),
    said(WHEN, "after 503 the same key creates the run", outcome.releases(503)),
    said(CONFLICT, "a conflict leaves the first run's answer where it is, and stays a conflict", compare.mismatchLeaves()),
    choice("another query is another target: 409", compare.mismatch("target", {}, { path: "/v1/runs?priority=high" })),
    choice("a conflict is a problem document", compare.mismatchShape("application/problem+json", { "/type": "string", "/title": "string", "/status": "number", "/detail": "string" })),
    said(CONFLICT, "a conflict does not invite a blind retry", compare.mismatchHint("x-should-retry", "false")),
    choice("a conflict is not cached", compare.mismatchUncached()),
    said(SCOPE, "sandbox and production, two credentials, have keys of their own", scope.otherCaller()),
    choice("and so have two environments that differ in their host", scope.apart("host", { headers: [["Host", "sandbox.semarize.example"]] })),
    choice("a retry that writes the same JSON otherwise is the same request", compare.equal("json", {}, { body: `{ "turns": ["Hello.", "Hi\\u002e"], "workspace": "ws_1",\n "conversation": "call_456", "kit": "kit_A1B2C3D4" }` })),
    choice("keys of 255 characters work", key.longestKey()),
    choice("keys of 256 characters are refused", key.tooLongKey(255)),
    choice("keys that differ in case are two keys", key.caseMatters()),
    choice("a duplicate of a running creation waits for its answer", running.waits()),
    choice("a client may choose how long it waits", running.prefersWait()),
    choice("after its wait a duplicate gets 503, which its clients retry, and not 409, which they do not", running.refusedWhileRunning(busy)),
    choice("that 503 says when to come back in Retry-After", running.runningRetryAfter()),
    choice("and in retry_after_seconds", running.runningRetryAfter("/retry_after_seconds")),
    choice("while a creation runs, another body is a conflict all the same", running.otherWhileRunning("mismatch", { status: 409 })),
    choice("replays are marked", replay.marksReplays()),
    choice("a run stays known for a day", replay.expires(DAY)),
    ...storesAll([200, 400, 404, 409, 422]),
    ...releasesAll([401, 403, 408, 425, 504]),
    ...heldUnknown,
    ...strictKey,
    ...faithful.filter(({ id }) => id !== "lost-answer"),
  ],
};
