import * as compare from "../checks/compare.ts";
import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as running from "../checks/running.ts";
import * as scope from "../checks/scope.ts";
import { choice, example, said } from "../contract.ts";
import type { Contract } from "../contract.ts";
import { DAY, faithful, heldUnknown, MARKER, storesAll, strictKey } from "./usual.ts";

const DOC = "Idempotent requests";
const reused = { status: 400, code: "idempotency_error" };
const inUse = { status: 409, code: "idempotency_key_in_use" };
const form = { method: "POST", path: "/v1/charges", type: "application/x-www-form-urlencoded", body: "amount=2000&currency=usd" };

export const stripe: Contract = {
  name: "stripe",
  document: "https://docs.stripe.com/api/idempotent_requests, for API v1",
  guards: ["POST /v1/*"],
  operation: form,
  key: { header: "Idempotency-Key", max: 255 },
  marker: MARKER,
  mismatch: reused,
  running: inUse,
  errors: { code: ["/error/type", "/error/code"], message: ["/error/message"] },
  rows: [
    said(DOC, "the first request under a key is executed, and its answer arrives as it is", replay.firstAnswer(200)),
    said(DOC, "a retry gets status and body of the first one", replay.replays(200)),
    said(DOC, "all POST requests take keys", key.guards({ method: "POST", path: "/v1/customers", type: form.type, body: "name=Jenny" })),
    example(DOC, "the curl call with its key and its form", {
      id: "curl",
      run: (bench) => key.once(bench, { operation: { method: "POST", path: "/v1/customers", type: form.type, body: "description=My First Test Customer (created for API docs at https://docs.stripe.com/api)" }, key: "KG5LxwFBepaKHyUD" }),
    }),
    said(DOC, "a key on GET changes nothing", key.ignoredOn({ method: "GET", path: "/v1/charges" })),
    said(DOC, "a key on DELETE changes nothing", key.ignoredOn({ method: "DELETE", path: "/v1/customers/cus_1" })),
    said(DOC, "keys of 255 characters work", key.longestKey()),
    said(DOC, "keys of 256 characters are refused", key.tooLongKey(255)),
    said(DOC, "other parameters under a key: 400 idempotency_error", compare.mismatch("body", {}, { body: "amount=2001&currency=usd" })),
    said(DOC, "another endpoint under a key: 400 idempotency_error", scope.conflicts({ method: "POST", path: "/v1/refunds" }, reused)),
    said(DOC, "an error leaves the first result where it is", compare.mismatchLeaves()),
    said(DOC, "a request whose key is in use: 409 idempotency_key_in_use", running.refusedWhileRunning(inUse)),
    said(DOC, "50 requests at once charge once", replay.oneOf50()),
    said(DOC, "500 is a result once execution began: a retry gets it again", outcome.stores(500)),
    said(DOC, "so is 402", outcome.stores(402)),
    said(DOC, "so is 400", outcome.stores(400)),
    said(DOC, "after 401 nothing is saved", outcome.releases(401)),
    said(DOC, "after 429 nothing is saved", outcome.releases(429)),
    said(DOC, "a replay has Idempotent-Replayed: true", replay.marksReplays()),
    said("SDKs", "a key in use: Stripe-Should-Retry is true", running.runningHeader("Stripe-Should-Retry", "true")),
    said("SDKs", "a key that was reused: Stripe-Should-Retry is false", compare.mismatchHint("Stripe-Should-Retry", "false")),
    choice("without a key every request runs", key.missingPasses()),
    choice("keys belong to a credential", scope.otherCaller()),
    choice("keys are kept for a day", replay.expires(DAY)),
    ...storesAll([404]),
    ...heldUnknown,
    ...strictKey,
    ...faithful,
  ],
};
