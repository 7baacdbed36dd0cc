// What is printed in the end: how much was seen, and for a broken promise the history of its claim.

import { byClaim } from "./checker.ts";
import type { Verdict } from "./checker.ts";
import type { Call, Execution, History } from "./history.ts";

/** So many violations are told with their history. */
const TOLD = 5;

export function figures({ run, calls, executions, kills, skew_ms }: History, { claims, violations }: Verdict): string {
  const of = (name: Call["class"]): number => calls.filter((call) => call.class === name).length;
  const held = calls.filter((call) => call.class === "unknown" && call.code !== "outcome-unknown").length;
  const rows: [string, number | string][] = [
    ["seed", run.seed],
    ["claims", claims],
    ["requests", calls.length],
    ["executions", executions.length],
    ["fresh answers", of("fresh")],
    ["replays", of("replayed")],
    ["running", of("running")],
    ["mismatches", of("mismatch")],
    ["unknown", `${of("unknown")} (${held} of them told to who executed)`],
    ["spent", of("spent")],
    ["errors", of("error")],
    ["no answer", of("none")],
    ["kills", kills.length],
    ["restarts", kills.filter(({ ready }) => ready !== null).length],
    ["longest standstill of the harness", `${skew_ms} ms`],
    ["violations", violations.length],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

/** The first violations, each with all that happened to its claim. */
export function story(history: History, { violations }: Verdict): string {
  const claims = byClaim(history);
  const told = violations.slice(0, TOLD).map(({ rule, caller, key, detail }) => {
    const claim = claims.get(JSON.stringify([caller, key]));
    const lines = claim === undefined ? [] : [...claim.calls.map(callLine), ...claim.executions.map(executionLine)];
    const kills = history.kills.map(({ at }): [number, string] => [at, "the runtime is killed"]);
    const [from, to] = [Math.min(...lines.map(([at]) => at)), Math.max(...lines.map(([at]) => at))];
    const all = [...lines, ...kills.filter(([at]) => at >= from && at <= to)].sort(([a], [b]) => a - b);
    return [`${rule}: ${detail}`, `  key ${key}, caller ${caller}`, ...all.map(([at, text]) => `  ${at.toFixed(1).padStart(10)}  ${text}`)].join("\n");
  });
  const more = violations.length - told.length;
  return [...told, ...(more > 0 ? [`and ${more} more`] : [])].join("\n\n");
}

function callLine(call: Call): [number, string] {
  const answer = call.class === "none" ? "no answer" : [call.class, call.code, call.status, call.run === null ? null : `run ${call.run}`, call.digest].filter((part) => part !== null).join(" ");
  return [call.start, `call ${call.id} of ${call.client} asks for ${call.print}${call.end === null ? "" : `, until ${call.end.toFixed(1)}`}: ${answer}`];
}

function executionLine(each: Execution): [number, string] {
  const answer = each.end === null ? each.how : `${each.how} ${each.status} ${each.digest} at ${each.end.toFixed(1)}`;
  return [each.start, `    run ${each.run} of call ${each.call} (${each.print ?? "not whole"}, attempt ${each.attempt.slice(0, 8)}): ${answer}`];
}
