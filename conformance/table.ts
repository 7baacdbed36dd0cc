// The results for people, and for programs.

import { stripVTControlCharacters, styleText } from "node:util";
import type { Contract } from "./contract.ts";
import type { Result } from "./suite.ts";
import type { Verdict } from "./verdict.ts";

const VERDICTS: readonly Verdict[] = ["pass", "fail", "differs", "not offered"];
const STYLES = { pass: "green", fail: "red", differs: "yellow", "not offered": "dim" } as const;

export function count(results: readonly Result[]): Record<Verdict, number> {
  const of = (verdict: Verdict): number => results.filter((each) => each.verdict === verdict).length;
  return { pass: of("pass"), fail: of("fail"), differs: of("differs"), "not offered": of("not offered") };
}

/** A line for each rule, what was expected and seen below those that do not hold, and a summary. */
export function table(contract: Contract, results: readonly Result[], colour: boolean): string {
  const lines = [`${contract.name}: ${contract.document}`, ""];
  for (const { row, verdict, expected, seen } of results) {
    lines.push(`${styleText(STYLES[verdict], verdict.padEnd(11), { validateStream: false })}  ${row.rule}${row.section === undefined ? "  (choice)" : `  [${row.section}]`}`);
    if (expected !== undefined) lines.push(`             expected ${expected}`);
    if (verdict !== "pass" && seen !== undefined) lines.push(`             seen     ${seen}`);
  }
  const counts = count(results);
  lines.push("", `${results.length} rules: ${VERDICTS.map((verdict) => `${counts[verdict]} ${verdict}`).join(", ")}`);
  // Then most other rows fail too, and none of them says why.
  const retried = results.find(({ row }) => row.id === "replays");
  if (retried !== undefined && retried.verdict !== "pass") {
    lines.push(`Not even a plain retry was recognised: does the server guard ${contract.guards.join(" and ")}, with the key in ${contract.key.header}?`);
  }
  const text = lines.join("\n");
  return colour ? text : stripVTControlCharacters(text);
}

/** The same as one JSON document. */
export function machine(contract: Contract, results: readonly Result[]): string {
  const rules = results.map(({ row: { id, rule, section }, ...rest }) => ({ id, rule, section: section ?? null, ...rest }));
  return JSON.stringify({ contract: contract.name, document: contract.document, counts: count(results), rules }, undefined, 2);
}
