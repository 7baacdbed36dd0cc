import * as compare from "../checks/compare.ts";
import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, example, said } from "../contract.ts";
import type { Contract, Operation } from "../contract.ts";
import { DAY, faithful, heldUnknown, MARKER, releasesAll, storesAll, strictKey } from "./usual.ts";

const TOP = "Safely retry side-effect POST requests";
const WHEN = "When to send a key";
const KEY = "Choose the key";
const RETRY = "Retry behavior";
const ERROR = "Error shape";

const conflict = { status: 409, code: "idempotency_conflict" };
const printed = { ...conflict, message: "This Idempotency-Key was already used with a different request." };
const uuid = "4c7f0a78-0a61-42b4-8b8a-60b307b18f0c";
/** The body as the document prints it, with curl's line ends. */
const call: Operation = {
  method: "POST",
  path: "/v1/agents/outbound-calls",
  type: "application/json",
  body: '{\n"agent_id": "agent_demo0001",\n"phone_number": "+15555550123"\n}',
};
const on = (method: string, path: string): Operation => ({ ...call, method, path });

export const speechify: Contract = {
  name: "speechify",
  document: "Speechify API: Idempotency",
  guards: ["POST /v1/agents/outbound-calls", "POST /v1/agents/batch-calls", "POST /v1/agents/phone-numbers/purchase", "POST /v1/workspaces"],
  operation: call,
  key: { header: "Idempotency-Key", max: 255 },
  marker: MARKER,
  mismatch: printed,
  running: conflict,
  errors: { code: ["/error/code"], message: ["/error/message"] },
  rows: [
    said(TOP, "a keyed request is executed once, and its answer arrives as it is", replay.firstAnswer()),
    said(TOP, "a retry after a lost response gets the first result; nothing runs again", replay.lostAnswer()),
    said(WHEN, "starting a call takes a key", key.guards(on("POST", "/v1/agents/outbound-calls"))),
    said(WHEN, "starting a batch takes a key", key.guards(on("POST", "/v1/agents/batch-calls"))),
    said(WHEN, "purchasing a phone number takes a key", key.guards(on("POST", "/v1/agents/phone-numbers/purchase"))),
    said(WHEN, "creating a workspace takes a key", key.guards(on("POST", "/v1/workspaces"))),
    said(WHEN, "a key on GET changes nothing", key.ignoredOn({ method: "GET", path: "/v1/agents/outbound-calls" })),
    said(WHEN, "a key on PATCH changes nothing", key.ignoredOn(on("PATCH", "/v1/workspaces"))),
    said(WHEN, "a key on PUT changes nothing", key.ignoredOn(on("PUT", "/v1/workspaces"))),
    said(WHEN, "a key on DELETE changes nothing", key.ignoredOn({ method: "DELETE", path: "/v1/workspaces" })),
    said(TOP, "an operation that does not list the header ignores it", key.ignoredOn(on("POST", "/v1/audio/speech"))),
    example(KEY, `${uuid} is a key`, key.accepts("uuid", uuid)),
    said(KEY, "keys of 255 characters work", key.longestKey()),
    said(KEY, "keys of 256 characters are refused", key.tooLongKey(255)),
    said(RETRY, "same key, same body: the first response again", replay.replays()),
    said(RETRY, "50 attempts at once start one call", replay.oneOf50()),
    said(RETRY, "the first response is replayed for 24 hours", replay.expires(DAY)),
    said(RETRY, "same key, different body: 409 idempotency_conflict", compare.mismatch("body", {}, { body: '{"agent_id":"agent_demo0002","phone_number":"+15555550123"}' }, conflict)),
    said(KEY, "same key, another operation: 409 idempotency_conflict", scope.conflicts(on("POST", "/v1/agents/batch-calls"), conflict)),
    said(RETRY, "a conflict changes nothing: the first request still gets its response", compare.mismatchLeaves()),
    said(RETRY, "same key while the first request runs: 409 idempotency_conflict", running.refusedWhileRunning(conflict)),
    said(RETRY, "another body while the first request runs: 409 idempotency_conflict", running.otherWhileRunning("mismatch", conflict)),
    said(RETRY, "a first response of 500 releases the claim", outcome.releases(500)),
    said(RETRY, "a first response of 501 releases the claim", outcome.releases(501)),
    said(RETRY, "a first response of 502 releases the claim", outcome.releases(502)),
    said(RETRY, "a first response of 503 releases the claim", outcome.releases(503)),
    said(RETRY, "a first response of 504 releases the claim", outcome.releases(504)),
    said(RETRY, "an error of the client's is a first response: 400 is replayed", outcome.stores(400)),
    said(RETRY, "so is 404", outcome.stores(404)),
    said(RETRY, "so is the API's own 409", outcome.stores(409)),
    said(RETRY, "so is 422", outcome.stores(422)),
    example(RETRY, "a replayed response has Idempotent-Replayed: true", replay.marksReplays()),
    said(RETRY, "a first response has not", replay.marksNothingElse()),
    example("Raw HTTP example", "the curl call with its key and its JSON, twice", key.accepts("curl", uuid)),
    example(ERROR, "the error of a reused key: exactly this code and this message", compare.mismatchSays("printed", printed)),
    example(ERROR, "the standard error envelope, with no other members", compare.mismatchShape("application/json", { "/error/code": "string", "/error/message": "string", "/request_id": "string" }, ["error", "request_id"])),
    said(ERROR, "X-Request-ID identifies one HTTP request: a replay has its own", replay.freshRequestId()),
    choice("a running request says when to come back", running.runningRetryAfter()),
    choice("clients that retry every 409 are told to, while the first request runs", running.runningHint("x-should-retry", "true")),
    choice("and told not to, when the key is reused", compare.mismatchHint("x-should-retry", "false")),
    choice("keys belong to a credential", scope.otherCaller()),
    choice("without a key every request runs", key.missingPasses()),
    choice("the same JSON written otherwise is the same body", compare.equal("json", {}, { body: '{"phone_number":"\\u002b15555550123","agent_id":"agent_demo0001"}' })),
    choice("keys that differ in case are two keys", key.caseMatters()),
    ...releasesAll([401, 403, 408, 425, 429]),
    ...heldUnknown,
    ...strictKey,
    ...storesAll([202]),
    ...faithful.filter(({ id }) => id !== "lost-answer" && id !== "marks-nothing-else"),
  ],
};
