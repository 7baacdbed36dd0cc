import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, example, said } from "../contract.ts";
import type { Contract } from "../contract.ts";
import { faithful, heldUnknown, MARKER, PROBLEM } from "./usual.ts";

const DOC = "Idempotency";
const busy = { status: 503 };
const message = { method: "POST", path: "/api/v1/app/app_Xzx8bQeOB1D1XEYmAJaRGoj0/msg", type: "application/json", body: '{"eventType":"invoice.paid","eventId":"evt_Wqb1k73rXprtTm7Qdlr38G","payload":{"type":"invoice.paid","id":"invoice_WF7WtCLFFtd8ubcTgboSFNql","status":"paid","attempt":2}}' };

export const svix: Contract = {
  name: "svix",
  document: "https://docs.svix.com/idempotency, and the open Svix server",
  guards: ["POST /api/v1/*"],
  operation: message,
  key: { header: "Idempotency-Key", max: 255 },
  marker: MARKER,
  running: { ...busy, waits: 5 },
  errors: PROBLEM,
  rows: [
    said(DOC, "the first request under a key is executed, and its answer arrives as it is", replay.firstAnswer(202)),
    said(DOC, "a retry gets the first answer", replay.replays(202)),
    said(DOC, "50 requests at once send one message", replay.oneOf50()),
    example(DOC, "the message and its key", key.accepts("uuid", "fd56a56b-838d-4456-8b83-390802672895")),
    said(DOC, "a value that is not visible ASCII counts as no key", key.asAbsent("latin1", "cl\u00e9")),
    said(DOC, "so does one that is cut by a control character", key.asAbsent("tab", "a\tb")),
    said(DOC, "keys belong to a token", scope.otherCaller()),
    said(DOC, "and to a path", scope.apart("path", { operation: { ...message, path: "/api/v1/app/app_2/msg" } })),
    said(DOC, "query included", scope.apart("query", { path: "/api/v1/app/app_Xzx8bQeOB1D1XEYmAJaRGoj0/msg?with_content=false" })),
    said(DOC, "nothing is compared: another body gets the first answer", scope.shared("body", { body: '{"eventType":"user.left","payload":{"id":1}}' })),
    said(DOC, "a duplicate of a running request waits for its answer", running.waits()),
    said(DOC, "only 2xx is stored: after 400 the same key runs again", outcome.releases(400)),
    said(DOC, "after 409 likewise", outcome.releases(409)),
    said(DOC, "after 422 likewise", outcome.releases(422)),
    said(DOC, "after 500 likewise", outcome.releases(500)),
    said(DOC, "an answer is kept for 12 hours", replay.expires(12 * 3600)),
    said(DOC, "without a key every request runs", key.missingPasses()),
    choice("at the end of its wait it gets 503, which its clients retry, and not 409, which they do not", running.refusedWhileRunning(busy)),
    choice("a client may choose how long it waits", running.prefersWait()),
    choice("GET is not guarded", key.ignoredOn({ method: "GET", path: "/api/v1/app/app_1/msg" })),
    choice("replays are marked", replay.marksReplays()),
    ...heldUnknown,
    ...faithful,
  ],
};
