// The flags of `npm run conformance`.

import { parseArgs } from "node:util";
import type { Contract } from "./contract.ts";
import { contracts } from "./contracts/index.ts";

export const USAGE = `Runs the rules of a published contract against a server: npm run conformance -- [flags]

The server must forward what it does not answer itself to http://127.0.0.1:N, where the suite listens and counts.

  --target URL          the server, such as http://127.0.0.1:8787
  --origin-port N       the port at 127.0.0.1 that the server forwards to
  --contract NAME       ${contracts.map(({ name }) => name).join(", ").replace(/(.{50,64}), /g, "$1,\n                        ")}
  --credential VALUE    a credential that the server accepts, twice for two callers; default: made up for each rule
  --jobs N              how many rules at a time; default: 8
  --strict              where the document leaves a matter open, another choice than ours fails, too
  --json                the results as JSON (with npm run --silent)
  --help                this text

Exit code 0: nothing failed. 1: a rule failed. 2: the suite could not run.`;

export interface Flags {
  readonly target: URL;
  readonly originPort: number;
  readonly contract: Contract;
  readonly credentials: readonly string[];
  readonly jobs: number;
  readonly strict: boolean;
  readonly json: boolean;
}

/** A flag that cannot be used: the message names it, and how to mend it. */
export class BadFlag extends Error {}

/** The flags; `undefined` if they ask for help. */
export function readFlags(args: string[]): Flags | undefined {
  const flags = parse(args);
  if (flags.help === true) return undefined;
  return {
    target: targetUrl(required("--target", flags.target, "give the server's URL, such as http://127.0.0.1:8787")),
    originPort: portNumber(required("--origin-port", flags["origin-port"], "give the port that the server forwards to, such as 9900")),
    contract: contractNamed(required("--contract", flags.contract, `give one of ${names()}`)),
    credentials: flags.credential ?? [],
    jobs: jobs(flags.jobs ?? "8"),
    strict: flags.strict === true,
    json: flags.json === true,
  };
}

function parse(args: string[]) {
  const value = { type: "string" } as const;
  const on = { type: "boolean" } as const;
  const options = { target: value, "origin-port": value, contract: value, credential: { ...value, multiple: true }, jobs: value, strict: on, json: on, help: on } as const;
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    const [reason] = (error as Error).message.split(/[.\n]/);
    throw new BadFlag(`${reason}: see \`npm run conformance -- --help\`.`);
  }
}

function required(flag: string, given: string | undefined, mend: string): string {
  if (given === undefined || given === "") throw new BadFlag(`${flag} is missing: ${mend}.`);
  return given;
}

function targetUrl(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw new BadFlag(`--target is '${given}', which is no http or https URL: give one such as http://127.0.0.1:8787.`);
  return url;
}

function portNumber(given: string): number {
  const port = Number(given);
  if (!/^\d+$/.test(given) || port < 1 || port > 65535) throw new BadFlag(`--origin-port is '${given}': give a number from 1 to 65535.`);
  return port;
}

function jobs(given: string): number {
  const number = Number(given);
  if (!/^\d+$/.test(given) || number < 1 || number > 64) throw new BadFlag(`--jobs is '${given}': give a number from 1 to 64.`);
  return number;
}

function contractNamed(given: string): Contract {
  const contract = contracts.find(({ name }) => name === given);
  if (contract === undefined) throw new BadFlag(`--contract is '${given}', which the suite does not know: give one of ${names()}.`);
  return contract;
}

const names = (): string => contracts.map(({ name }) => name).join(", ");
