// On what was measured: a figure without its machine says nothing.

import { createRequire } from "node:module";
import os from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly workerd: string;
  /** The day, as an ISO date. */
  readonly date: string;
}

export function machine(): Machine {
  const workerd = createRequire(import.meta.url)("workerd/package.json") as { version: string };
  return {
    cpu: os.cpus()[0]?.model.trim() ?? "unknown",
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    workerd: workerd.version,
    date: new Date().toISOString().slice(0, 10),
  };
}

export function describe({ cpu, cores, memoryGiB, system, node, workerd, date }: Machine): string {
  return `${date}, ${cores} cores (${cpu}), ${memoryGiB} GiB, ${system}, workerd ${workerd}, Node ${node}`;
}
