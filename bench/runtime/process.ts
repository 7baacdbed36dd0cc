// What a process has used, by /proc. Other systems than Linux say nothing there, and the columns stay empty.

import { readFileSync } from "node:fs";

/** `/proc` counts CPU in ticks of 10 ms, on every architecture (USER_HZ). */
const TICK_US = 10_000;

/** The CPU time of all threads of `pid` so far, microseconds. */
export function cpuMicros(pid: number): number | undefined {
  // The name of the program, in parentheses, may hold spaces: fields are counted from behind it.
  const fields = read(pid, "stat")?.split(") ").at(-1)?.split(" ");
  if (fields === undefined) return undefined;
  const [user, system] = [fields[11], fields[12]].map(Number);
  return ((user ?? NaN) + (system ?? NaN)) * TICK_US;
}

/** The most memory that `pid` has ever held at once (VmHWM), bytes. */
export function peakBytes(pid: number): number | undefined {
  const kib = read(pid, "status")?.match(/^VmHWM:\s+(\d+) kB$/m)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

/** The processes that this one has started and not yet seen end. */
export function children(): number[] {
  return (read(process.pid, `task/${process.pid}/children`) ?? "").split(" ").filter(Boolean).map(Number);
}

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
