import * as compare from "../checks/compare.ts";
import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, example, said } from "../contract.ts";
import type { Contract, Operation } from "../contract.ts";
import { json } from "../origin.ts";
import { repeats } from "../verdict.ts";
import { DAY, faithful, heldUnknown, MARKER, releasesAll, storesAll, strictKey } from "./usual.ts";

const TOP = "Idempotency";
const WHEN = "When to use it";
const HOW = "How it works";
const PATTERN = "Recommended pattern";
const RELATED = "Related";

const reused = { code: "VALIDATION_ERROR", message: "Idempotency-Key reused with different body" };
const busy = { status: 503, code: "SERVICE_UNAVAILABLE" };
const curl: Operation = { method: "POST", path: "/v1/code", type: "application/json", body: '{ "question": "...", "responses": ["..."] }' };
const on = (method: string, path: string): Operation => ({ ...curl, method, path });

export const surveycoder: Contract = {
  name: "surveycoder",
  document: "SurveyCoder docs: Idempotency",
  guards: ["POST,PUT,PATCH /v1/*"],
  operation: curl,
  key: { header: "Idempotency-Key", max: 255 },
  credential: (token) => ["x-api-key", token],
  marker: MARKER,
  mismatch: { status: 400, ...reused },
  running: { ...busy, waits: 10 },
  errors: { code: ["/error/code"], message: ["/error/message"] },
  rows: [
    said(TOP, "a keyed request is executed once, and its answer arrives as it is", replay.firstAnswer()),
    said(TOP, "a codebook write by PUT takes a key", key.guards(on("PUT", "/v1/codebooks/cb_1"))),
    said(TOP, "a codebook write by PATCH takes a key", key.guards(on("PATCH", "/v1/codebooks/cb_1"))),
    said(WHEN, "creating a project takes a key", key.guards(on("POST", "/v1/projects"))),
    said(WHEN, "creating a question takes a key", key.guards(on("POST", "/v1/questions"))),
    said(WHEN, "creating a webhook takes a key", key.guards(on("POST", "/v1/webhooks"))),
    said(WHEN, "without a key, a retry runs again and charges again", key.missingPasses()),
    said(WHEN, "GET requests need no key, and one on them changes nothing", key.ignoredOn({ method: "GET", path: "/v1/projects" })),
    said(WHEN, "DELETE requests need no key, and one on them changes nothing", key.ignoredOn({ method: "DELETE", path: "/v1/projects/p_1" })),
    example(HOW, "the curl call with x-api-key, its key and its body", key.accepts("curl", "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")),
    example(HOW, "the error of a key that is reused: its code and its exact message", compare.mismatchSays("printed", reused, { body: '{ "question": "other", "responses": ["..."] }' })),
    said(HOW, "the same request gets the cached response: status, body and request_id", replay.replays()),
    said(HOW, "a request with another body under the key is not executed", compare.mismatch("body", {}, { body: '{"question":"other","responses":["..."]}' }, reused)),
    said(HOW, "an array in another order is another body", compare.mismatch("array", { body: '{"responses":["a","b"]}' }, { body: '{"responses":["b","a"]}' }, reused)),
    said(HOW, "null is not the same as absent", compare.mismatch("null", { body: '{"question":"a"}' }, { body: '{"question":"a","codebook":null}' }, reused)),
    said(HOW, "the request that came first still gets its cached response", compare.mismatchLeaves()),
    said(HOW, "two API keys may use one idempotency key", scope.otherCaller()),
    said(HOW, "it is the API key that counts: other headers do not make another caller", scope.sameCaller("api-key", { headers: [["Authorization", "Bearer of-monday"]] }, { headers: [["Authorization", "Bearer of-tuesday"]] })),
    said(HOW, "a response is cached for 24 hours", replay.expires(DAY)),
    choice("a reused key gets 400", compare.mismatchSays("status", { status: 400 })),
    choice("errors are {error: {code, message}, request_id}", compare.mismatchShape("application/json", { "/error/code": "string", "/error/message": "string", "/request_id": "string" })),
    choice("a reused key does not invite a retry", compare.mismatchHint("x-should-retry", "false")),
    choice("only the body is compared: the same body on another operation is a replay", scope.shared("operation", { operation: on("POST", "/v1/projects") })),
    choice("a retry that writes the same JSON otherwise is the same request", compare.equal("json", {}, { body: '{"responses":["\\u002e.."],"question":"..."}' })),
    said(PATTERN, "after 429 the same key runs the request; the origin's Retry-After arrives", outcome.releases(429)),
    said(PATTERN, "after 502 the same key runs the request", outcome.releases(502)),
    said(RELATED, "SERVICE_UNAVAILABLE is safe to retry: after 503 the same key runs the request", outcome.releases(503)),
    said(PATTERN, "after 504 the same key runs the request", outcome.releases(504)),
    said(PATTERN, "after 500 the same key runs the request", outcome.releases(500)),
    example(PATTERN, "codeWithRetry: 503, 502, then the result, under one key", {
      id: "code-with-retry",
      async run(bench) {
        bench.origin.answers(json(503), json(502), json(201));
        const key = bench.key();
        bench.isFirst(await bench.send({ key }), 503);
        bench.isFirst(await bench.send({ key }), 502);
        const result = await bench.send({ key });
        bench.isFirst(result, 201);
        repeats(await bench.send({ key }), result);
        bench.executed(3);
      },
    }),
    said(PATTERN, "four attempts at the same time charge once", replay.oneOf50()),
    said(PATTERN, "after a network error, the retry gets the answer of the first attempt", replay.lostAnswer()),
    choice("a duplicate of a running request waits for its answer", running.waits()),
    choice("a client may choose how long it waits", running.prefersWait()),
    choice("after its wait it gets 503 SERVICE_UNAVAILABLE, which its clients retry, and a later retry gets the answer", running.refusedWhileRunning(busy)),
    choice("with Retry-After", running.runningRetryAfter()),
    choice("while a request runs, another body is refused as reuse", running.otherWhileRunning("mismatch", { status: 400, ...reused })),
    choice("replays are marked", replay.marksReplays()),
    choice("keys of 255 characters work", key.longestKey()),
    choice("keys of 256 characters are refused", key.tooLongKey(255)),
    choice("keys that differ in case are two keys", key.caseMatters()),
    ...storesAll([400, 404, 409, 422]),
    ...releasesAll([401, 403, 408, 425]),
    ...heldUnknown,
    ...strictKey,
    ...faithful.filter(({ id }) => id !== "lost-answer"),
  ],
};
