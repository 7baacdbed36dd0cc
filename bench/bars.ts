// What the project asks of its own speed, on raw workerd with 16 connections and 1 KiB: printed with the figures, so that nobody
// has to look for them. They are ratios within one run, and so hold for any machine.

import type { Platform, Result, Table } from "./rounds.ts";
import type { Figure } from "./statistics.ts";
import { columns, times } from "./table.ts";

interface Bar {
  readonly says: string;
  readonly platform: Platform;
  readonly subject: string;
  readonly ratio: (result: Result) => Figure | undefined;
  readonly holds: (median: number) => boolean;
}

const throughput = (result: Result): Figure | undefined => result.timesAgainst;
const cpu = (result: Result): Figure | undefined => result.timesBareCpu;
const atLeast = (bound: number) => (median: number): boolean => median >= bound;
const atMost = (bound: number) => (median: number): boolean => median <= bound;

const BARS: readonly Bar[] = [
  { says: "pass: requests per second ≥ 0.85 × the bare proxy's", platform: "ram", subject: "reprise pass", ratio: throughput, holds: atLeast(0.85) },
  { says: "fresh: ≥ 1.5 × per-key's, on a RAM disk", platform: "ram", subject: "reprise fresh", ratio: throughput, holds: atLeast(1.5) },
  { says: "fresh: ≥ 5 × per-key's, on the disk", platform: "disk", subject: "reprise fresh", ratio: throughput, holds: atLeast(5) },
  { says: "fresh: CPU ≤ 6 × the bare proxy's", platform: "ram", subject: "reprise fresh", ratio: cpu, holds: atMost(6) },
  { says: "replay: ≥ 1.2 × per-key's", platform: "ram", subject: "reprise replay", ratio: throughput, holds: atLeast(1.2) },
  { says: "mismatch: ≥ 1.2 × per-key's", platform: "ram", subject: "reprise mismatch", ratio: throughput, holds: atLeast(1.2) },
];

/** The bars that these tables can judge; empty without any. */
export function judged(tables: readonly Table[]): string {
  const rows = BARS.flatMap(({ says, platform, subject, ratio, holds }) => {
    const table = tables.find(({ setting }) => setting.platform === platform && setting.connections === 16 && setting.body === 1024);
    const result = table?.results.find((each) => each.subject === subject);
    const found = result === undefined ? undefined : ratio(result);
    return found === undefined ? [] : [[says, times(found), holds(found.median) ? "holds" : "does not hold"]];
  });
  return columns(rows, [0, 2]);
}
