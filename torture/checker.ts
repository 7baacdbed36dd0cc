// Decides whether a history keeps the promise. Two layers, per claim (one caller, one key):
//
// 1. `rules.ts`: what can be said without an order of events, each rule with its name. These give the readable reasons.
// 2. `search.ts`: is there any order of all hidden steps that explains everything that was seen? This one is complete.

import type { Call, Execution, History } from "./history.ts";
import { breaches } from "./rules.ts";
import { explain } from "./search.ts";

/** One broken promise. */
export interface Violation {
  readonly rule: string;
  readonly caller: string;
  readonly key: string;
  readonly detail: string;
}

/** What happened to one claim. */
export interface ClaimHistory {
  readonly caller: string;
  readonly key: string;
  readonly calls: Call[];
  readonly executions: Execution[];
}

export interface Verdict {
  readonly claims: number;
  readonly violations: Violation[];
}

export function check(history: History): Verdict {
  const claims = byClaim(history);
  const runs = new Map(history.executions.map((execution) => [execution.run, execution]));
  const violations: Violation[] = [];
  for (const claim of claims.values()) {
    const found = breaches(claim, runs, history);
    // With a rule broken there is no order, and the search would only say so in other words.
    if (found.length === 0) found.push(...explain(claim, history));
    violations.push(...found.map((each) => ({ ...each, caller: claim.caller, key: claim.key })));
  }
  return { claims: claims.size, violations };
}

export function byClaim(history: History): Map<string, ClaimHistory> {
  const claims = new Map<string, ClaimHistory>();
  const of = ({ caller, key }: { caller: string; key: string }): ClaimHistory => {
    const name = JSON.stringify([caller, key]);
    const claim = claims.get(name) ?? { caller, key, calls: [], executions: [] };
    claims.set(name, claim);
    return claim;
  };
  for (const call of history.calls) of(call).calls.push(call);
  for (const execution of history.executions) of(execution).executions.push(execution);
  return claims;
}
