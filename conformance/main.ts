// `npm run conformance`: a contract's rows against any server.

import { BadFlag, readFlags, USAGE } from "./flags.ts";
import type { Flags } from "./flags.ts";
import { Origin } from "./origin.ts";
import { prepare, runAll, Unready } from "./suite.ts";
import { count, machine, table } from "./table.ts";

/** The exit code: 0 nothing failed, 1 a rule failed, 2 the suite could not run. */
export async function main(args: string[]): Promise<number> {
  try {
    const flags = readFlags(args);
    if (flags !== undefined) return await run(flags);
    console.log(USAGE);
    return 0;
  } catch (error) {
    if (!(error instanceof BadFlag || error instanceof Unready)) throw error;
    console.error(`conformance: ${error.message}`);
    return 2;
  }
}

async function run(flags: Flags): Promise<number> {
  const origin = await startOrigin(flags.originPort);
  try {
    const setting = { ...flags, origin };
    await prepare(setting);
    const results = await runAll(setting);
    console.log(flags.json ? machine(flags.contract, results) : table(flags.contract, results, process.stdout.isTTY === true));
    return count(results).fail === 0 ? 0 : 1;
  } finally {
    await origin.close();
  }
}

async function startOrigin(port: number): Promise<Origin> {
  try {
    return await Origin.start(port);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Unready(`--origin-port ${port} can't be listened on (${code}): the suite is the origin, so stop what listens there, or let the server forward to another port.`);
  }
}
