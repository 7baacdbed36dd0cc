// What a history must never show, whatever the order of events. Each breach has the name of its rule (docs/reference/torture.md).

import type { ClaimHistory } from "./checker.ts";
import type { Call, Execution, History } from "./history.ts";

export interface Breach {
  readonly rule: string;
  readonly detail: string;
}

type Runs = ReadonlyMap<number, Execution>;

export function breaches(claim: ClaimHistory, runs: Runs, history: History): Breach[] {
  const calls = new Map(claim.calls.map((call) => [call.id, call]));
  return [
    ...claim.executions.flatMap((execution) => strayed(execution, calls)),
    ...doubled(claim, history),
    ...claim.calls.flatMap((call) => answered(call, claim, runs, history)),
  ];
}

/** The origin received exactly what one client sent. */
function strayed(execution: Execution, calls: ReadonlyMap<number, Call>): Breach[] {
  const call = calls.get(execution.call);
  if (call === undefined) return [{ rule: "execution-of-no-call", detail: `run ${execution.run} belongs to no call of this caller and key` }];
  if (execution.print === null || call.print === execution.print) return [];
  return [{ rule: "execution-of-no-call", detail: `run ${execution.run} executed ${execution.print}, call ${call.id} asked for ${call.print}` }];
}

/** At most one execution within the window, except behind an answer that released the key. */
function doubled({ executions }: ClaimHistory, { run, skew_ms }: History): Breach[] {
  const order = executions.toSorted((a, b) => a.start - b.start);
  return order.slice(1).flatMap((later, index) => {
    const earlier = order[index];
    if (earlier === undefined) return [];
    const free = earlier.how === "answered" && earlier.end !== null && run.released.includes(earlier.status ?? 0);
    const inTime = free && (earlier.end ?? 0) <= later.start + skew_ms;
    if (inTime && earlier.call !== later.call) return [];
    return [{ rule: "executed-twice", detail: `run ${later.run} came ${inTime ? "from the same call as" : "although nothing had released the key after"} run ${earlier.run}` }];
  });
}

function answered(call: Call, claim: ClaimHistory, runs: Runs, { run: { released } }: History): Breach[] {
  const own = claim.executions.find((execution) => execution.call === call.id);
  const named = call.run === null ? undefined : runs.get(call.run);
  const breach = (rule: string, detail: string): Breach[] => [{ rule, detail: `call ${call.id}: ${detail}` }];
  const isAnswer = call.class === "fresh" || call.class === "replayed";
  if (!isAnswer) {
    if (own !== undefined && ["running", "mismatch", "spent"].includes(call.class)) return breach("executed-and-refused", `it caused run ${own.run}, and was told ${call.class}`);
    if (own !== undefined && call.code === "outcome-unknown") return breach("executed-and-refused", `it caused run ${own.run}, and was told that an earlier one is unknown`);
    if (named !== undefined) return breach("answer-in-refusal", `a refusal carries the answer of run ${named.run}`);
    return [];
  }
  if (named === undefined) return breach(call.class === "fresh" ? "fresh-without-execution" : "replay-of-nothing", `its answer is that of no execution`);
  if (named.caller !== claim.caller || named.key !== claim.key) {
    return breach("foreign-answer", `it got run ${named.run}, which belongs to ${named.caller} and ${named.key}`);
  }
  if (named.print !== call.print) return breach("mismatch-replayed", `it asked for ${call.print} and got run ${named.run} of ${named.print}`);
  if (call.digest !== named.digest || call.status !== named.status) {
    return breach("answer-differs", `it got ${call.status} ${call.digest}, run ${named.run} answered ${named.status} ${named.digest}`);
  }
  if (named.end === null || named.end > (call.end ?? 0)) return breach("answered-before-done", `it got run ${named.run}, which ended later, or never`);
  if (call.class === "fresh" && named.call !== call.id) return breach("fresh-twice", `run ${named.run} belongs to call ${named.call}, and was given as fresh`);
  if (call.class === "replayed") {
    if (own !== undefined) return breach("executed-and-replayed", `it caused run ${own.run}, and got a replay`);
    if (released.includes(named.status ?? 0)) return breach("replay-of-released", `the answer of run ${named.run} released its key, and was replayed`);
  }
  return [];
}
