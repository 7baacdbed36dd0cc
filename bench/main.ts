// `npm run bench`: see docs/performance.md.

import { readFileSync, writeFileSync } from "node:fs";
import { judged } from "./bars.ts";
import { chart } from "./chart.ts";
import { BadFlag, readFlags, USAGE } from "./flags.ts";
import type { Flags } from "./flags.ts";
import { growth, growthTable } from "./growth.ts";
import { hashing, hashingTable } from "./hashing.ts";
import { describe, machine } from "./machine.ts";
import type { Machine } from "./machine.ts";
import { memory, memoryTable } from "./memory.ts";
import { profile, profileTable } from "./profile.ts";
import type { Table } from "./rounds.ts";
import { named, SUBJECTS } from "./subjects.ts";
import type { Subject } from "./subjects.ts";
import { throughputTable } from "./table.ts";
import { throughput } from "./throughput.ts";

/** What `--out` keeps of throughput. */
interface Kept {
  readonly machine: Machine;
  readonly tables: readonly Table[];
}

// Also then, `exit` is told to everybody who has something to clear away.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
try {
  await main();
} catch (error) {
  console.error(error instanceof BadFlag ? `reprise: ${error.message}` : error);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const flags = readFlags(process.argv.slice(2));
  if (flags === undefined) return console.log(USAGE);
  const { task, quick, only, keys, effort } = flags;
  if (named(only).length === 0) throw new BadFlag(`--only has '${only.join(",")}', which no subject has in its name: see docs/performance.md.`);
  switch (task) {
    case "throughput":
      return await compare(flags);
    case "hashing": {
      const rows = await hashing({ quick, rounds: effort.rounds });
      return report(flags, rows, hashingTable(rows));
    }
    case "memory": {
      const rows = await memory(quick ? 2 ** 20 : undefined);
      return report(flags, rows, memoryTable(rows));
    }
    case "profile": {
      const subject = profiled(only);
      const seen = await profile(subject, { body: flags.bodies[0] ?? 1024, connections: 16, warmUp: flags.effort.warmUp });
      console.log(`${subject.name}\n\n${profileTable(seen)}`);
      if (flags.out !== undefined) keep(flags.out, seen);
      return;
    }
    case "growth": {
      const found = await growth({ keys, body: flags.bodies[0] ?? 128, rounds: effort.rounds, seconds: effort.seconds }, console.log);
      return report(flags, found, growthTable(found));
    }
  }
}

function profiled([name = "reprise fresh"]: readonly string[]): Subject {
  const subject = SUBJECTS.find((each) => each.name === name) ?? named([name])[0];
  if (subject === undefined) throw new BadFlag(`--only begins with '${name}', which no subject has in its name.`);
  return subject;
}

function report({ out }: Flags, rows: unknown, table: string): void {
  console.log(`\n${table}\n\n${describe(machine())}`);
  if (out !== undefined) keep(out, { machine: machine(), rows });
}

async function compare({ from, out, svg, ...flags }: Flags): Promise<void> {
  const kept = from === undefined ? { machine: machine(), tables: await throughput(flags, console.log, show) } : (JSON.parse(readFileSync(from, "utf8")) as Kept);
  if (from !== undefined) kept.tables.forEach(show);
  console.log(["", judged(kept.tables), describe(kept.machine)].filter((part, index) => index === 0 || part !== "").join("\n\n"));
  if (out !== undefined) keep(out, kept);
  if (svg !== undefined) writeFileSync(svg, chart(kept.tables, describe(kept.machine)));
}

function show(table: Table): void {
  console.log(`\n${throughputTable(table)}`);
}

function keep(file: string, figures: unknown): void {
  writeFileSync(file, `${JSON.stringify(figures, undefined, 1)}\n`);
}
