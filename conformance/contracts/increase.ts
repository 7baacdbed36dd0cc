import * as compare from "../checks/compare.ts";
import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, said } from "../contract.ts";
import type { Contract } from "../contract.ts";
import { at } from "../bench.ts";
import { same } from "../verdict.ts";
import { DAY, faithful, heldUnknown, MARKER, strictKey } from "./usual.ts";

const DOC = "Idempotency keys";
const reused = { status: 409, code: "idempotency_key_already_used_error" };
const conflict = { status: 409 };

export const increase: Contract = {
  name: "increase",
  document: "https://increase.com/documentation/idempotency-keys",
  guards: ["POST /*"],
  operation: { method: "POST", path: "/ach_transfers", type: "application/json", body: '{"account_id":"account_1","amount":100}' },
  key: { header: "Idempotency-Key", max: 200 },
  marker: MARKER,
  mismatch: reused,
  running: conflict,
  errors: { code: ["/type"], message: ["/detail"] },
  rows: [
    said(DOC, "the first request under a key is executed, and its answer arrives as it is", replay.firstAnswer(200)),
    said(DOC, "a retry gets the first answer", replay.replays(200)),
    said(DOC, "50 requests at once transfer once", replay.oneOf50()),
    said(DOC, "keys of 200 characters work", key.longestKey()),
    said(DOC, "keys of 201 characters are refused", key.tooLongKey(200)),
    said(DOC, "another request under a key: 409, its type idempotency_key_already_used_error", compare.mismatch("body", {}, { body: '{"account_id":"account_1","amount":101}' })),
    said(DOC, "the refusal names the resource that exists: resource_id", {
      id: "mismatch-resource",
      async run(bench) {
        const key = bench.key();
        const first = await bench.send({ key });
        bench.isFirst(first);
        const refused = await bench.send({ key, body: '{"account_id":"account_1","amount":101}' });
        bench.isRefused(refused, reused);
        same("resource_id", at(refused.json(), "/resource_id"), at(first.json(), "/id"));
      },
    }),
    said(DOC, "a replay has Idempotent-Replayed: true", replay.marksReplays()),
    said(DOC, "a key on PATCH changes nothing", key.ignoredOn({ method: "PATCH", path: "/accounts/account_1", body: "{}" })),
    said(DOC, "a key on GET changes nothing", key.ignoredOn({ method: "GET", path: "/ach_transfers" })),
    said(DOC, "a key on DELETE changes nothing", key.ignoredOn({ method: "DELETE", path: "/ach_transfers/1" })),
    said(DOC, "a refusal leaves the first answer where it is", compare.mismatchLeaves()),
    choice("a request whose key still runs: 409", running.refusedWhileRunning(conflict)),
    choice("another operation under a key: 409", scope.conflicts({ method: "POST", path: "/wire_transfers" }, reused)),
    choice("keys belong to a credential", scope.otherCaller()),
    choice("without a key every request runs", key.missingPasses()),
    choice("keys are kept for a day", replay.expires(DAY)),
    choice("a result of 400 is kept", outcome.stores(400)),
    choice("after 429 the same key runs again", outcome.releases(429)),
    ...heldUnknown,
    ...strictKey,
    ...faithful,
  ],
};
