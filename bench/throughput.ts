// `npm run bench`: every subject on every platform, with every size and number of connections.

import type { Flags } from "./flags.ts";
import { hasRamDisk, measure } from "./rounds.ts";
import type { Effort, Platform, Setting, Table } from "./rounds.ts";
import { Services } from "./services/services.ts";
import { BARE, named } from "./subjects.ts";
import type { Subject } from "./subjects.ts";

type Chosen = Pick<Flags, "platforms" | "bodies" | "connections" | "only" | "effort">;

/** The tables, each given to `show` as soon as it is there. */
export async function throughput(flags: Chosen, say: (text: string) => void, show: (table: Table) => void): Promise<Table[]> {
  const work = settings(flags, say).map((setting) => ({ setting, subjects: chosen(setting.platform, flags.only) })).filter(({ subjects }) => subjects.length > 0);
  say(`about ${Math.ceil(work.reduce((sum, { subjects }) => sum + secondsFor(subjects.length, flags.effort), 0) / 60)} min`);
  await using services = await Services.start();
  const tables: Table[] = [];
  for (const { setting, subjects } of work) {
    const table = await measure(setting, subjects, flags.effort, services);
    tables.push(table);
    show(table);
  }
  return tables;
}

function settings({ platforms, bodies, connections }: Chosen, say: (text: string) => void): Setting[] {
  const there = platforms.filter((platform) => platform !== "ram" || hasRamDisk());
  if (there.length < platforms.length) say("there is no RAM disk with 4 GiB at /dev/shm: left out");
  return there.flatMap((platform) => bodies.flatMap((body) => connections.map((count) => ({ platform, body, connections: count }))));
}

/** What does not write costs the same on a disk as on a RAM disk. */
function chosen(platform: Platform, only: readonly string[]): readonly Subject[] {
  return named(only).filter(({ name, scenario }) => platform !== "disk" || scenario === "fresh" || name === BARE);
}

function secondsFor(subjects: number, { rounds, seconds, leadIn, warmUp }: Effort): number {
  const start = 0.5;
  return subjects * (start + leadIn + warmUp + rounds * (leadIn + seconds));
}
