// The figures as a picture: SVG by hand, as it is a few rectangles, and readable on light and on dark.

import type { Result, Table } from "./rounds.ts";
import type { Figure } from "./statistics.ts";
import { number, title } from "./table.ts";

const WIDTH = 900;
const LABELS = 210;
const ROW = 22;
const BAR = 13;
const GAP = 36;
const PANEL = (WIDTH - LABELS - GAP) / 2;
/** Of a panel, for the figure behind the longest bar. */
const ROOM = 56;

const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 } .note { font-size: 11px; fill: #656d76 }
.bare { fill: #8c959f } .per-key { fill: #d4a72c } .reprise { fill: #2f7ee6 } .hops { fill: #57ab5a }
.spread { stroke: #1f2328; stroke-opacity: .55 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .note { fill: #9198a1 } .spread { stroke: #e6edf3 }
}`;

/** The pictures of all tables with 16 connections and 1 KiB, one above the other. `machine` is what was measured on. */
export function chart(tables: readonly Table[], machine: string): string {
  const chosen = tables.filter(({ setting }) => setting.connections === 16 && setting.body === 1024);
  const drawn: string[] = [];
  let y = 10;
  for (const table of chosen) {
    drawn.push(panels(table, y));
    y += height(table);
  }
  const notes = ["Medians; the thin line holds half of the rounds. CPU is that of the gateway's process.", machine];
  drawn.push(...notes.map((note, line) => text(0, y + 14 + line * 16, note, "note")));
  y += 40;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" aria-label="Requests per second and CPU per request">
<style>${STYLE}
</style>
${drawn.join("\n")}
</svg>
`;
}

function height({ results }: Table): number {
  return 52 + results.length * ROW + 18;
}

function panels({ setting, results }: Table, top: number): string {
  const cpuAt = LABELS + PANEL + GAP;
  const rows = results.map((each, row) => text(LABELS - 10, top + 52 + row * ROW + BAR - 2, each.subject, "", "end"));
  return [
    text(0, top + 12, title(setting), "title"),
    text(LABELS, top + 38, "requests per second (more is better)", "note"),
    text(cpuAt, top + 38, "CPU per request, µs (less is better)", "note"),
    ...rows,
    ...bars(results, ({ perSecond }) => perSecond, LABELS, top + 52),
    ...bars(results, ({ cpu }) => cpu, cpuAt, top + 52),
  ].join("\n");
}

function bars(results: readonly Result[], of: (result: Result) => Figure | undefined, left: number, top: number): string[] {
  const most = Math.max(1, ...results.map((each) => of(each)?.upper ?? 0));
  const length = (value: number): number => Math.round((value / most) * (PANEL - ROOM) * 10) / 10;
  return results.flatMap((each, row) => {
    const figure = of(each);
    if (figure === undefined) return [];
    const y = top + row * ROW;
    const middle = y + BAR / 2;
    return [
      `<rect class="${family(each.subject)}" x="${left}" y="${y}" width="${length(figure.median)}" height="${BAR}" rx="2"/>`,
      `<path class="spread" d="M${left + length(figure.lower)} ${middle}H${left + length(figure.upper)}"/>`,
      text(left + length(figure.upper) + 6, y + BAR - 2, number(figure.median)),
    ];
  });
}

/** Whose figure it is, as a colour. */
function family(subject: string): string {
  return ["reprise", "per-key", "hops"].find((name) => subject.startsWith(name)) ?? "bare";
}

function text(x: number, y: number, content: string, name = "", anchor = "start"): string {
  const escaped = content.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  return `<text x="${x}" y="${y}"${name === "" ? "" : ` class="${name}"`}${anchor === "start" ? "" : ` text-anchor="${anchor}"`}>${escaped}</text>`;
}
