import * as compare from "../checks/compare.ts";
import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, example, said } from "../contract.ts";
import type { Contract } from "../contract.ts";
import { DAY, faithful, heldUnknown, MARKER, PROBLEM, strictKey } from "./usual.ts";

const DOC = "Idempotency";
const reused = { status: 422 };
const conflict = { status: 409 };
const message = { method: "POST", path: "/v2/messages?a=1&b=2", type: "application/json", body: '{"to":"+15555550123","text":"Hi"}' };

export const telnyx: Contract = {
  name: "telnyx",
  document: "https://developers.telnyx.com/docs/development/api-fundamentals/idempotency",
  guards: ["POST /v2/messages", "POST /v2/calls"],
  operation: message,
  key: { header: "Idempotency-Key", max: 255 },
  marker: MARKER,
  mismatch: reused,
  running: conflict,
  errors: PROBLEM,
  rows: [
    said(DOC, "the first request under a key is executed, and its answer arrives as it is", replay.firstAnswer(200)),
    said(DOC, "a retry gets the first answer", replay.replays(200)),
    said(DOC, "50 requests at once are one", replay.oneOf50()),
    said(DOC, "letters, digits, _, : and - make a key", key.accepts("alphabet", "Az09_:-")),
    example(DOC, "8e03978e-40d5-43e8-bc93-6894a57f9326 is a key", key.accepts("uuid", "8e03978e-40d5-43e8-bc93-6894a57f9326")),
    said(DOC, "255 of them", key.longestKey()),
    said(DOC, "not 256", key.tooLongKey(255)),
    said(DOC, "a dot is refused", key.refuses("dot", "a.b")),
    said(DOC, "a slash is refused", key.refuses("slash", "a/b")),
    said(DOC, "a space is refused", key.refuses("space", "a b")),
    said(DOC, "another body under a key: 422", compare.mismatch("body", {}, { body: '{"to":"+15555550123","text":"Ho"}' })),
    said(DOC, "bodies count by their bytes: one space more is another request", compare.mismatch("bytes", {}, { body: '{"to":"+15555550123", "text":"Hi"}' })),
    said(DOC, "the query counts sorted: in another order it is the same request", compare.equal("query", {}, { path: "/v2/messages?b=2&a=1" })),
    said(DOC, "headers do not count, the media type included", compare.equal("media-type", {}, { type: "text/plain" })),
    said(DOC, "another query is another request", compare.mismatch("query", {}, { path: "/v2/messages?a=1&b=3" })),
    said(DOC, "keys belong to a path: one key on two operations is two requests", scope.apart("path", { operation: { ...message, path: "/v2/calls" } })),
    said(DOC, "keys belong to an organisation", scope.otherCaller()),
    said(DOC, "only 2xx is stored: after 400 the same key runs again", outcome.releases(400)),
    said(DOC, "after 422 likewise", outcome.releases(422)),
    said(DOC, "after 500 likewise", outcome.releases(500)),
    said(DOC, "202 is stored", outcome.stores(202)),
    said(DOC, "a response is kept for 24 hours", replay.expires(DAY)),
    choice("a request whose key still runs: 409", running.refusedWhileRunning(conflict)),
    choice("a refusal leaves the first answer where it is", compare.mismatchLeaves()),
    choice("without a key every request runs", key.missingPasses()),
    choice("replays are marked", replay.marksReplays()),
    ...heldUnknown,
    ...strictKey,
    ...faithful,
  ],
};
