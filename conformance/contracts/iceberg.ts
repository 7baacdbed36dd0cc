import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, said } from "../contract.ts";
import type { Contract } from "../contract.ts";
import { Unlike } from "../verdict.ts";
import { faithful, heldUnknown, MARKER, strictKey } from "./usual.ts";

const DOC = "Idempotency-Key";
const busy = { status: 503, code: "ServiceUnavailableException" };
const create = { method: "POST", path: "/v1/namespaces", type: "application/json", body: '{"namespace":["a"],"properties":{}}' };

export const iceberg: Contract = {
  name: "iceberg",
  document: "Iceberg REST catalog specification, as Apache Polaris serves it",
  guards: ["POST /v1/*"],
  operation: create,
  key: { header: "Idempotency-Key", max: 36 },
  marker: MARKER,
  running: { ...busy, waits: 10 },
  errors: { code: ["/error/type"], message: ["/error/message"] },
  rows: [
    said(DOC, "the first request under a key is executed, and its answer arrives as it is", replay.firstAnswer(200)),
    said(DOC, "a retry gets the first answer", replay.replays(200)),
    said(DOC, "50 requests at once are one", replay.oneOf50()),
    said(DOC, "a UUID of version 7 is a key", key.accepts("uuid", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")),
    said(DOC, "what is no UUID is refused", key.refuses("word", "not-a-uuid")),
    said(DOC, "a UUID with something after it is refused", key.refuses("longer", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0")),
    said(DOC, "200 is stored", outcome.stores(200)),
    said(DOC, "201 is stored", outcome.stores(201)),
    said(DOC, "204 is stored", replay.noBody()),
    said(DOC, "400 is final, and stored", outcome.stores(400)),
    said(DOC, "404 is final, and stored", outcome.stores(404)),
    said(DOC, "409 is final, and stored", outcome.stores(409)),
    said(DOC, "after 401 the same key runs again", outcome.releases(401)),
    said(DOC, "after 403 likewise", outcome.releases(403)),
    said(DOC, "after 408 likewise", outcome.releases(408)),
    said(DOC, "after 429 likewise", outcome.releases(429)),
    said(DOC, "after 500 likewise", outcome.releases(500)),
    said(DOC, "after 503 likewise", outcome.releases(503)),
    said(DOC, "how long a key is kept is advertised", {
      id: "expires",
      async run(bench) {
        const date = bench.offered(await bench.send({ key: bench.key() }), "Idempotency-Expires");
        if (!(Date.parse(date) > Date.now())) throw new Unlike("a date to come", date);
      },
    }),
    choice("a duplicate of a running request waits for its answer", running.waits()),
    choice("after its wait it gets 503: its clients take 409 for a conflict of commits", running.refusedWhileRunning(busy)),
    choice("keys belong to a credential", scope.otherCaller()),
    choice("without a key every request runs", key.missingPasses()),
    choice("replays are marked", replay.marksReplays()),
    ...heldUnknown,
    ...strictKey,
    ...faithful.filter(({ id }) => id !== "no-body"),
  ],
};
