import { isUtf8 } from "node:buffer";
import type { Bench, Sent } from "../bench.ts";
import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, example, said } from "../contract.ts";
import type { Check, Contract, Operation } from "../contract.ts";
import { json } from "../origin.ts";
import type { Script } from "../origin.ts";
import { isAnother, repeats, same } from "../verdict.ts";
import { DAY, faithful, heldUnknown, PROBLEM, releasesAll, strictKey } from "./usual.ts";

const TOP = "Introduction";
const HOW = "How it works";
const KEY = "How it works (the key)";
const RETRY = "What happens on retry";
const CLIENT = "In a generated client";

const conflict = { status: 409 };
const uuid = "9f3e2b8a-1d4c-4f5a-9e7b-2c1d8f3a4b5e";

/** A document with bytes that are no text. */
const pdf = Buffer.concat([Buffer.from("%PDF-1.7\n"), Buffer.from([0x00, 0xff, 0xfe, 0x0a, 0x80]), Buffer.from("\n%%EOF\n")]);
if (isUtf8(pdf)) throw new Error("the document is meant to be binary");

/** What curl makes of `-F name=value` and `-F name=@file`; it draws a boundary for every call. */
function form(boundary: string, fields: readonly (readonly [name: string, value: string | Buffer])[]): { type: string; body: Buffer } {
  const parts = fields.map(([name, value]) => {
    const file = typeof value === "string" ? "" : `; filename="document.pdf"\r\nContent-Type: application/pdf`;
    return Buffer.concat([Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n`), Buffer.from(value), Buffer.from("\r\n")]);
  });
  return { type: `multipart/form-data; boundary=${boundary}`, body: Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]) };
}

const boundary = (n: number): string => `------------------------${String(n).repeat(22)}`;
const fields = [["file", pdf], ["agent", "english-dsar"]] as const;
const curl: Operation = { method: "POST", path: "/v1/suggestions", ...form(boundary(1), fields) };
const curlAgain: Operation = { method: "POST", path: "/v1/suggestions", ...form(boundary(2), fields) };
const connector: Operation = { method: "POST", path: "/v1/redactions", type: "application/json", body: '{"connector":"conn_1","document":"doc_1"}' };
const upload: Operation = { method: "POST", path: "/v1/redactions", ...form(boundary(3), [["file", pdf]]) };
const revealing = (query: string): Sent => ({ path: `/v1/suggestions?${query}` });

/** The redacted document, another one for each execution. */
const document: Script = (n) => ({ status: 200, headers: [["Content-Type", "application/pdf"]], body: Buffer.concat([pdf, Buffer.from([n])]) });

/** Nothing of the answer is kept: a retry runs again, is metered, and is no replay. */
const runsAgain = (id: string, sent: Sent, ...scripts: readonly Script[]): Check => ({
  id: `runs-again-${id}`,
  async run(bench: Bench) {
    bench.origin.answers(...(scripts.length > 0 ? scripts : [json(200)]));
    const again = { ...sent, key: bench.key() };
    const first = await bench.send(again);
    bench.isFirst(first, 200);
    same("the body", first.body, Buffer.from(bench.origin.replies[0]?.body ?? ""));
    const second = await bench.send(again);
    bench.isFirst(second, 200);
    isAnother(second, first);
    bench.isUnmarked(second);
    bench.executed(2);
  },
});

export const redactr: Contract = {
  name: "redactr",
  document: "Redactr: idempotency keys on /v1/suggestions and /v1/redactions",
  guards: ["POST /v1/suggestions", "POST /v1/redactions"],
  operation: curl,
  key: { header: "Idempotency-Key", max: 255 },
  marker: { header: "X-Idempotent-Replayed", value: "true" },
  running: conflict,
  errors: PROBLEM,
  rows: [
    said(TOP, "/v1/suggestions takes a key", key.guards(curl)),
    said(TOP, "/v1/redactions takes a key", key.guards(connector)),
    said(HOW, "the first request with a key runs the operation, and its answer arrives as it is", replay.firstAnswer(200)),
    said(HOW, "a retry while the original runs gets 409: no parallel agent run", running.refusedWhileRunning(conflict)),
    said(HOW, "the same for redactions: no duplicate job", running.lockedWhileRunning("redactions", { operation: connector }, conflict)),
    said(HOW, "50 retries at once run the agent once", replay.oneOf50()),
    said(HOW, "a retry after completion gets the original answer: same status, same body, not metered", replay.replays(200)),
    said(HOW, "so does a retry of a redaction through a connector", { ...outcome.stores(202, { operation: connector }), id: "stores-connector" }),
    example(HOW, "a replay has X-Idempotent-Replayed: true", replay.marksReplays()),
    said(HOW, "a first answer has not", replay.marksNothingElse()),
    said(HOW, "the answer is remembered for 24 hours", replay.expires(DAY)),
    said(HOW, "the redacted PDF of a direct upload is never stored: a retry runs again", runsAgain("pdf", { operation: upload }, document)),
    said(HOW, "a request that reveals text is never stored: a retry runs again", runsAgain("text", revealing("fields=text"))),
    said(HOW, "nor one that reveals explanation", runsAgain("explanation", revealing("fields=explanation"))),
    said(HOW, "nor one that reveals them among other fields", runsAgain("among", revealing("fields=id,explanation,text"))),
    choice("a fieldset may name its type: fields[suggestions]=text", runsAgain("typed", revealing("fields[suggestions]=text"))),
    choice("also with its brackets escaped", runsAgain("escaped", revealing("fields%5Bsuggestions%5D=id%2Ctext"))),
    choice("a fieldset may be a field of the form", runsAgain("form", { operation: { method: "POST", path: "/v1/suggestions", ...form(boundary(4), [...fields, ["fields", "text"]]) } })),
    choice("a fieldset without them reveals nothing, and its answer is kept", { ...outcome.stores(200, revealing("fields=id,label")), id: "stores-fieldset" }),
    choice("a field whose name only contains one of them reveals nothing", { ...outcome.stores(200, revealing("fields=context")), id: "stores-context" }),
    said(HOW, "a direct upload that will not be stored gets 409 all the same while it runs", running.lockedWhileRunning("upload", { operation: upload }, conflict)),
    said(HOW, "so does a revealing request", running.lockedWhileRunning("revealing", revealing("fields=text"), conflict)),
    example(KEY, "the curl call, twice, with the boundary that curl draws anew", {
      id: "curl",
      run: (bench) => key.once(bench, { key: `suggestions:${uuid}` }, { key: `suggestions:${uuid}`, operation: curlAgain }),
    }),
    said(KEY, "any opaque string of 255 characters is a key", key.longestKey()),
    said(KEY, "256 characters are not", key.tooLongKey(255)),
    said(KEY, "any opaque string is a key: slashes, dots, percent signs", key.accepts("opaque", "a/b..%2F~!@#$^&*()_+={}[]|:;'<>?")),
    example(KEY, "redactions:<uuid> is a key for /v1/redactions", { id: "redactions", run: (bench) => key.once(bench, { operation: connector, key: `redactions:${uuid}` }) }),
    said(KEY, "the prefixes keep the two endpoints apart", {
      id: "apart-prefix",
      run: (bench) => key.twice(bench, { key: `suggestions:${uuid}` }, { operation: connector, key: `redactions:${uuid}` }),
    }),
    said(RETRY, "an original that succeeded is replayed", outcome.stores(201)),
    said(RETRY, "an original that was rejected with 400 is replayed", outcome.stores(400)),
    said(RETRY, "one that was rejected with 415 is replayed", outcome.stores(415)),
    said(RETRY, "one that was rejected with 422 is replayed", outcome.stores(422)),
    said(RETRY, "an original that failed with 500 is replayed", outcome.stores(500)),
    said(RETRY, "one that failed with 502 is replayed", outcome.stores(502)),
    said(RETRY, "one that failed with 503 is replayed", outcome.stores(503)),
    said(RETRY, "one that failed with 504 is replayed", outcome.stores(504)),
    said(RETRY, "bodies are not compared: another document gets the original answer", scope.shared("body", { operation: { method: "POST", path: "/v1/suggestions", ...form(boundary(5), [["agent", "other"]]) } })),
    said(RETRY, "another operation gets the original answer of the key", scope.shared("operation", { operation: connector })),
    said(RETRY, "another operation under the key of an original that was not stored runs", {
      id: "runs-operation",
      run: (bench) => key.twice(bench, { key: `suggestions:${uuid}`, ...revealing("fields=text") }, { key: `suggestions:${uuid}`, operation: connector }),
    }),
    said(RETRY, "after a failure that is replayed, a fresh key runs the request again", {
      id: "fresh-key",
      async run(bench) {
        bench.origin.answers(json(500), json(201));
        const key = bench.key();
        const failed = await bench.send({ key });
        bench.isFirst(failed, 500);
        repeats(await bench.send({ key }), failed);
        bench.isFirst(await bench.send({ key: bench.key() }), 201);
        bench.executed(2);
      },
    }),
    choice("another operation under a key that runs gets 409", running.otherWhileRunning("operation", conflict, { operation: connector })),
    said(CLIENT, "a generated client's key works: suggestions: and a UUID of its own", { id: "client", run: (bench) => key.once(bench, { key: `suggestions:${bench.key()}` }) }),
    said(CLIENT, "without a key every request runs and is metered", key.missingPasses()),
    choice("keys belong to a credential", scope.otherCaller()),
    choice("a running request says when to come back", running.runningRetryAfter()),
    choice("GET is not guarded", key.ignoredOn({ method: "GET", path: "/v1/suggestions" })),
    choice("keys that differ in case are two keys", key.caseMatters()),
    ...releasesAll([401, 403, 429]),
    ...heldUnknown,
    ...strictKey,
    // These two need answers that are not JSON, which this contract does not keep.
    ...faithful.filter(({ id }) => !["binary", "no-body", "marks-nothing-else"].includes(id)),
  ],
};
