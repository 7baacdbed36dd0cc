// The measurement: in every round each subject has one slice of time, so that all of them meet the same machine.

import { statfsSync } from "node:fs";
import path from "node:path";
import { run } from "./client.ts";
import { startMiniflare } from "./runtime/miniflare.ts";
import { cpuMicros, peakBytes } from "./runtime/process.ts";
import type { Running } from "./runtime/program.ts";
import { startWorkerd } from "./runtime/workerd.ts";
import { scenario } from "./scenarios.ts";
import type { Place, Scenario } from "./scenarios.ts";
import { Scratch } from "./scratch.ts";
import type { Services } from "./services/services.ts";
import { figure, quantile, ratio } from "./statistics.ts";
import type { Figure } from "./statistics.ts";
import { BARE } from "./subjects.ts";
import type { Subject } from "./subjects.ts";

/** On what the subjects run: raw workerd with its objects on a RAM disk or on the disk; miniflare, which has them on the disk. */
export type Platform = "ram" | "disk" | "miniflare";

/** A file system in memory: Linux has one here. Storing costs what the database costs, and no disk. */
export const RAM_DISK = "/dev/shm";
/** One object for each key is one file for each key, and a log of its own beside it. */
const RAM_DISK_BYTES = 4 * 2 ** 30;

/** Whether there is a RAM disk that is large enough. */
export function hasRamDisk(): boolean {
  try {
    const { bavail, bsize } = statfsSync(RAM_DISK);
    return bavail * bsize >= RAM_DISK_BYTES;
  } catch {
    return false;
  }
}

/** What all subjects of a table have in common. */
export interface Setting {
  readonly platform: Platform;
  /** Bytes of a request's body, and of its answer's. */
  readonly body: number;
  readonly connections: number;
}

export interface Effort {
  readonly rounds: number;
  /** Of each slice. */
  readonly seconds: number;
  /** Seconds before each slice that do not count. */
  readonly leadIn: number;
  /** Seconds for each subject before the first round. */
  readonly warmUp: number;
}

/** What one subject was seen to do. */
export interface Result {
  readonly subject: string;
  readonly against: string | undefined;
  readonly perSecond: Figure | undefined;
  /** Milliseconds. */
  readonly p50: Figure | undefined;
  readonly p99: Figure | undefined;
  /** Microseconds of CPU of the subject's process for each request. */
  readonly cpu: Figure | undefined;
  /** Bytes. */
  readonly peak: number | undefined;
  /** Requests per second, as a multiple of those of `against`. */
  readonly timesAgainst: Figure | undefined;
  /** CPU, as a multiple of that of the bare proxy. */
  readonly timesBareCpu: Figure | undefined;
}

export interface Table {
  readonly setting: Setting;
  readonly effort: Effort;
  readonly results: readonly Result[];
}

interface Slice {
  readonly perSecond: number;
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly cpu: number | undefined;
}

/** A subject that runs, and what was seen of it so far. */
interface Contestant {
  readonly subject: Subject;
  readonly running: Running;
  readonly scenario: Scenario;
  readonly place: Place;
  readonly slices: Slice[];
}

/**
 * Seconds of load at a time, while subjects warm up. workerd closes an object 10 s after its last call, and one for each key has files of
 * its own: those of a process at work for 20 s are as many as it may have open.
 */
const WARM_UP_TURN = 5;

/** Measures `subjects` against each other. Every one has a process of its own, which is new. */
export async function measure(setting: Setting, subjects: readonly Subject[], effort: Effort, services: Services): Promise<Table> {
  using scratch = new Scratch(setting.platform === "ram" ? RAM_DISK : undefined);
  await using processes = new AsyncDisposableStack();
  const contestants: Contestant[] = [];
  for (const subject of subjects) {
    const contestant = await enter(subject, setting, services, scratch.directory());
    processes.use(contestant.running);
    contestants.push(contestant);
  }
  for (let left = effort.warmUp; left > 0; left -= WARM_UP_TURN) {
    for (const each of contestants) await slice(each, setting, { ...effort, seconds: Math.min(left, WARM_UP_TURN) });
  }
  for (let round = 0; round < effort.rounds; round++) {
    // There and back again: whoever is first in one round is last in the next.
    for (const each of round % 2 === 0 ? contestants : contestants.toReversed()) each.slices.push(await slice(each, setting, effort));
  }
  return { setting, effort, results: contestants.map((each) => result(each, contestants)) };
}

async function enter(subject: Subject, { platform, body, connections }: Setting, services: Services, directory: string): Promise<Contestant> {
  const program = subject.program(`http://127.0.0.1:${services.originPort}`);
  const namespace = path.basename(directory);
  const kv = { port: services.kvPort, namespace };
  const running = platform === "miniflare" ? await startMiniflare(program) : await startWorkerd(program, { directory, kv });
  return { subject, running, scenario: scenario(subject.scenario), place: { port: running.port, services, namespace, body, connections }, slices: [] };
}

async function slice({ subject, running, scenario, place }: Contestant, { connections }: Setting, { leadIn, seconds }: Effort): Promise<Slice> {
  try {
    const traffic = await scenario.begin(place);
    const cpu = { begin: 0 as number | undefined, end: 0 as number | undefined };
    const mark = (moment: "begin" | "end"): void => void (cpu[moment] = cpuMicros(running.pid));
    const load = await run(running.port, traffic, { connections, leadIn, seconds, mark });
    await scenario.end(place);
    return {
      perSecond: load.requests / load.seconds,
      p50: quantile(load.latencies, 0.5),
      p99: quantile(load.latencies, 0.99),
      cpu: cpu.begin === undefined || cpu.end === undefined ? undefined : (cpu.end - cpu.begin) / load.requests,
    };
  } catch (error) {
    throw new Error(`${subject.name}: ${(error as Error).message}`, { cause: error });
  }
}

function result({ subject: { name, against }, running, slices }: Contestant, all: readonly Contestant[]): Result {
  const of = (key: keyof Slice, from: readonly Slice[] = slices): (number | undefined)[] => from.map((each) => each[key]);
  const slicesOf = (wanted: string | undefined): readonly Slice[] => all.find(({ subject }) => subject.name === wanted)?.slices ?? [];
  return {
    subject: name,
    against,
    perSecond: figure(of("perSecond")),
    p50: figure(of("p50")),
    p99: figure(of("p99")),
    cpu: figure(of("cpu")),
    peak: peakBytes(running.pid),
    timesAgainst: ratio(of("perSecond"), of("perSecond", slicesOf(against))),
    timesBareCpu: ratio(of("cpu"), of("cpu", slicesOf(BARE))),
  };
}
