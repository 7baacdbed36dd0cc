// What the contracts of this gateway promise beyond their documents, and what most of them have in common.

import * as key from "../checks/key.ts";
import * as outcome from "../checks/outcome.ts";
import * as replay from "../checks/replay.ts";
import * as scope from "../checks/scope.ts";
import { choice } from "../contract.ts";
import type { Row } from "../contract.ts";

/** A day, in seconds. */
export const DAY = 86_400;

/** The marker of contracts whose document has none; the most common one. */
export const MARKER = { header: "Idempotent-Replayed", value: "true" };

/** Where problem documents (RFC 9457) have their code and their message. */
export const PROBLEM = { code: ["/code"], message: ["/detail"] };

/** An answer is replayed with what belongs to it, and is marked, under every contract. */
export const faithful: readonly Row[] = [
  choice("the origin gets the request as it was sent", replay.forwards()),
  choice("an answer without a body is replayed without one", replay.noBody()),
  choice("bytes that are no text survive in both directions", replay.binary()),
  choice("headers that describe the result are replayed", replay.keepsHeaders()),
  choice("cookies and rate limits are not replayed", replay.dropsHeaders()),
  choice("headers that change from attempt to attempt do not count", replay.volatileHeaders()),
  choice("a retry after a lost connection gets the answer of the first attempt", replay.lostAnswer()),
  choice("a first answer does not carry the marker", replay.marksNothingElse()),
  choice("neither client nor origin can forge the marker", replay.forgedMarker()),
  choice("a page of another site may read the marker", replay.exposes()),
  choice("every answer says whether it is fresh or replayed", replay.signals()),
  choice("a caller without a credential never gets the answer of one with it", scope.anonymousApart()),
];

/** The key is a value of its own, under every contract that refuses what is none. */
export const strictKey: readonly Row[] = [
  choice("an empty key is refused, never shared by everyone", key.emptyKey()),
  choice("two header lines with different keys are refused", key.twoKeys()),
];

/** The operation may have run: under contracts that hold the key then. */
export const heldUnknown: readonly Row[] = [
  choice("after a request without an answer, no retry runs it again", outcome.holds("no-answer")),
  choice("after an answer that broke off, no retry runs it again", outcome.holds("broken-off")),
];

/** These answers leave the key free. */
export const releasesAll = (statuses: readonly number[]): Row[] =>
  statuses.map((status) => choice(`after ${status} the same key runs the request again`, outcome.releases(status)));

/** These answers are results. */
export const storesAll = (statuses: readonly number[]): Row[] =>
  statuses.map((status) => choice(`an answer with ${status} is a result: a retry gets it again`, outcome.stores(status)));
