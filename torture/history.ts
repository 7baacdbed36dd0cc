// What was seen from outside: by the clients, by the origin, by whoever killed the runtime. One JSON line per event, in the
// order in which they ended; times are milliseconds of one monotonic clock, the harness's. docs/reference/torture.md explains
// the format.

import { createWriteStream, readFileSync } from "node:fs";
import type { WriteStream } from "node:fs";

/** The first line: what the checker must know of the contract under which the run was made. */
export interface Run {
  readonly type: "run";
  readonly seed: number;
  /** Statuses after which the claim is gone; all others are stored. */
  readonly released: readonly number[];
  /** No unfinished claim becomes unknown before this, unless its execution failed. 0: the lease is not known. */
  readonly lease_ms: number;
  /** No answer counts as too late before this. 0: the deadline is not known. */
  readonly deadline_ms: number;
  /** Answers above this size may be known without being kept (`response-not-kept`). */
  readonly inline_limit: number;
}

export type Class = "fresh" | "replayed" | "running" | "mismatch" | "unknown" | "spent" | "error" | "none";

/** One call of one client. */
export interface Call {
  readonly type: "call";
  readonly id: number;
  readonly client: string;
  readonly caller: string;
  readonly key: string;
  /** Which of several requests under one key this was: equal prints are equal requests. */
  readonly print: string;
  readonly start: number;
  /** When the whole answer was there. `null`: there was none, and the call may act until its runtime is killed. */
  readonly end: number | null;
  /** `none`: no answer, or none that is whole. A call that surely was never sent is not in a history. */
  readonly class: Class;
  /** The gateway's own code, where it refused. */
  readonly code: string | null;
  readonly status: number | null;
  /** The execution whose answer this is, as its header says. */
  readonly run: number | null;
  /** Of status, recorded headers and body. */
  readonly digest: string | null;
}

/** One request at the origin. */
export interface Execution {
  readonly type: "execution";
  /** A number of its own, that its answer carries. */
  readonly run: number;
  /** The call that caused it, as the call's own header says. */
  readonly call: number;
  readonly attempt: string;
  readonly caller: string;
  readonly key: string;
  /** `null`: the body broke off, so that nobody can say. It counts all the same. */
  readonly print: string | null;
  /** When its head was read. */
  readonly start: number;
  /** Before its last byte was written; `null`: it never wrote it. */
  readonly end: number | null;
  /** What the origin did: `answered`, `reset`, `broken off`, `cut` (by the other side). */
  readonly how: string;
  readonly status: number | null;
  readonly digest: string | null;
  /** Bytes of the body. */
  readonly size: number;
}

/** The runtime was killed, and is gone since `at`; `ready` again then. */
export interface Kill {
  readonly type: "kill";
  readonly at: number;
  readonly ready: number | null;
}

/** The last line. */
export interface End {
  readonly type: "end";
  readonly at: number;
  /** The longest time for which the harness itself stood still: an arrival may be older than its time by this. */
  readonly skew_ms: number;
}

export type Line = Run | Call | Execution | Kill | End;

export interface History {
  run: Run;
  calls: Call[];
  executions: Execution[];
  kills: Kill[];
  skew_ms: number;
}

/** Sorts lines by what they are. Throws where there is no first line, or a line of no known type. */
export function history(lines: Iterable<Line>): History {
  const all: Omit<History, "run"> = { calls: [], executions: [], kills: [], skew_ms: 0 };
  let run: Run | undefined;
  for (const line of lines) {
    if (line.type === "run") run = line;
    else if (line.type === "call") all.calls.push(line);
    else if (line.type === "execution") all.executions.push(line);
    else if (line.type === "kill") all.kills.push(line);
    else if (line.type === "end") all.skew_ms = line.skew_ms;
    else throw new Error(`a line of no known type: ${JSON.stringify(line)}`);
  }
  if (run === undefined) throw new Error("the history has no line of the type `run`");
  return { run, ...all };
}

export function readHistory(file: string): History {
  const lines = readFileSync(file, "utf8").split("\n").filter((line) => line !== "");
  return history(lines.map((line) => JSON.parse(line) as Line));
}

/** Collects a history, and writes it line by line where it shall be kept. */
export class Recorder {
  readonly lines: Line[] = [];
  readonly #file: WriteStream | undefined;

  constructor(run: Omit<Run, "type">, file?: string) {
    this.#file = file === undefined ? undefined : createWriteStream(file);
    this.add({ type: "run", ...run });
  }

  add(line: Line): void {
    this.lines.push(line);
    this.#file?.write(`${JSON.stringify(line)}\n`);
  }

  async close(): Promise<void> {
    const file = this.#file;
    if (file !== undefined) await new Promise((resolve) => file.end(resolve));
  }
}
