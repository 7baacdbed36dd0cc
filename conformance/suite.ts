// Runs a contract's rows against a server, several at a time: rows share nothing, neither keys nor callers nor scripts.

import { randomUUID } from "node:crypto";
import { Bench } from "./bench.ts";
import { send } from "./client.ts";
import type { Contract, Row } from "./contract.ts";
import { TOKEN } from "./origin.ts";
import type { Origin } from "./origin.ts";
import { describe, NotOffered, Unlike } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";

export interface Setting {
  readonly contract: Contract;
  readonly target: URL;
  readonly origin: Origin;
  /** Values for the contract's credential; without any, every row makes up its own. */
  readonly credentials?: readonly string[];
  /** A choice that was decided otherwise is a failure. */
  readonly strict?: boolean;
  /** Rows at a time. */
  readonly jobs?: number;
}

export interface Result {
  readonly row: Row;
  readonly verdict: Verdict;
  readonly expected?: string;
  readonly seen?: string;
}

/** The suite cannot judge: the message says what is missing, and what to do. */
export class Unready extends Error {}

/** Sees that the target answers, and that what it forwards arrives here with its token. */
export async function prepare({ contract, target, origin, credentials = [] }: Setting): Promise<void> {
  const stage = origin.stage();
  const bench = new Bench(contract, target, stage, credentials);
  const { method, path } = contract.operation;
  try {
    await send(target, { method: "GET", path: "/", headers: [[TOKEN, randomUUID()]], body: undefined }, 15);
  } catch (error) {
    throw new Unready(`nothing answers at --target ${target.href} (${(error as Unlike).seen}): start the server first, with ${origin.url} as its origin.`);
  }
  const strays = origin.strays.length;
  try {
    const answer = await bench.send({ key: bench.key() });
    if (stage.executions > 0) return;
    if (origin.strays.length > strays) throw new Unready(`--target ${target.href} forwards requests without their ${TOKEN} header, by which the origin tells rows apart: let it pass.`);
    throw new Unready(
      `--target ${target.href} answered ${method} ${path} with ${describe(answer)}, but no such request reached the origin: ` +
        `let it forward to ${origin.url}, and guard ${contract.guards.join(" and ")}.`,
    );
  } catch (error) {
    if (error instanceof Unlike) throw new Unready(`--target ${target.href} does not answer ${method} ${path} (${error.seen}): let it forward to ${origin.url}.`);
    throw error;
  } finally {
    origin.leave(stage);
  }
}

/** One row on a stage of its own. A rule that does not hold is a result; only a fault of the suite itself rejects. */
export async function runRow(row: Row, { contract, target, origin, credentials = [], strict = false }: Setting): Promise<Result> {
  const stage = origin.stage();
  const seconds = 60 + 2 * (contract.running.waits ?? 0);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Unlike("the row to end", `nothing after ${seconds} s`)), seconds * 1000);
  });
  try {
    await Promise.race([row.run(new Bench(contract, target, stage, credentials)), late]);
    return { row, verdict: "pass" };
  } catch (error) {
    if (error instanceof NotOffered) return { row, verdict: "not offered", seen: error.message };
    if (!(error instanceof Unlike)) throw error;
    const verdict = row.section === undefined && !strict ? "differs" : "fail";
    return { row, verdict, expected: error.expected, seen: error.seen };
  } finally {
    clearTimeout(timer);
    origin.leave(stage);
  }
}

/** All rows of the contract, in their order. */
export async function runAll(setting: Setting): Promise<Result[]> {
  const { rows } = setting.contract;
  const results: Result[] = [];
  const queue = rows.entries();
  const worker = async (): Promise<void> => {
    for (const [index, row] of queue) results[index] = await runRow(row, setting);
  };
  await Promise.all(Array.from({ length: setting.jobs ?? 8 }, worker));
  return results;
}
