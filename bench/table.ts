// Figures as text.

import type { Figure } from "./statistics.ts";
import type { Setting, Table } from "./rounds.ts";

const PLATFORM = { ram: "workerd, objects on a RAM disk", disk: "workerd, objects on the disk", miniflare: "miniflare" };

/** What all figures of a table have in common. */
export function title({ platform, body, connections }: Setting): string {
  return `${PLATFORM[platform]}; ${bytes(body)} bodies; ${connections} ${connections === 1 ? "connection" : "connections"}`;
}

/** One table: medians of the rounds, and how far apart their quartiles were. */
export function throughputTable({ setting, results, effort }: Table): string {
  const head = ["", "req/s", "spread", "p50 ms", "p99 ms", "CPU µs", "spread", "peak MiB", "× CPU of bare", "× req/s of", ""];
  const rows = results.map((each) => [
    each.subject,
    number(each.perSecond?.median),
    spread(each.perSecond),
    number(each.p50?.median, 2),
    number(each.p99?.median, 2),
    number(each.cpu?.median),
    spread(each.cpu),
    number(each.peak === undefined ? undefined : each.peak / 2 ** 20),
    times(each.timesBareCpu),
    times(each.timesAgainst),
    each.timesAgainst === undefined ? "" : (each.against ?? ""),
  ]);
  const pace = `${effort.rounds} ${effort.rounds === 1 ? "round" : "rounds"} of ${effort.seconds} s`;
  return `${title(setting)}; ${pace}\n${columns([head, ...rows], [0, 10])}`;
}

/** Cells in columns, to the right but for those in `left`. */
export function columns(rows: readonly (readonly string[])[], left: readonly number[] = [0]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string => row.map((cell, column) => (left.includes(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ").trimEnd();
  return rows.map(line).join("\n");
}

export function number(value: number | undefined, digits = 0): string {
  return value === undefined ? "–" : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A ratio, with its own quartiles. */
export function times(of: Figure | undefined): string {
  if (of === undefined) return "";
  return of.median.toFixed(2) + (of.lower === of.upper ? "" : ` (${of.lower.toFixed(2)}–${of.upper.toFixed(2)})`);
}

export function bytes(count: number): string {
  const unit = count % 2 ** 20 === 0 ? "MiB" : count % 1024 === 0 ? "KiB" : "bytes";
  return `${number(unit === "MiB" ? count / 2 ** 20 : unit === "KiB" ? count / 1024 : count)} ${unit}`;
}

/** From the lower to the upper quartile, as a part of the median. */
function spread(of: Figure | undefined): string {
  return of === undefined || of.median === 0 ? "–" : `${Math.round(((of.upper - of.lower) / of.median) * 100)} %`;
}
