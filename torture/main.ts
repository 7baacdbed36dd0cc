// `npm run torture`: see docs/reference/torture.md.

import { randomInt } from "node:crypto";
import path from "node:path";
import { parseArgs } from "node:util";
import { check } from "./checker.ts";
import { figures, story } from "./figures.ts";
import { readHistory } from "./history.ts";
import type { History } from "./history.ts";
import { torture } from "./run.ts";
import type { Options } from "./run.ts";

const USAGE = `Many clients, a bad origin and a runtime that is killed; then a checker says whether every promise was kept:

  npm run torture -- [flags]

  --seconds N      how long; default: 60
  --seed N         repeats the choices of a run; default: another one each time
  --keys N         the working set; default: 24
  --clients N      default: 16
  --kills N        how often the runtime is killed; default: one in 6 seconds
  --no-kills       never
  --history FILE   keep what was seen, as JSON lines
  --check FILE     no run: check such a file

  --target URL     torture the gateway that runs at URL, which must guard POST /v1/torture under the contract ietf and forward to …
  --origin-port N  … this port of this machine
  --origin-host H  the address to listen on there; default: 127.0.0.1
  --path PATH      another path than /v1/torture
  --help           this text`;

/** What the caller can mend: shown without a stack. */
class Misuse extends Error {}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Misuse ? `reprise: ${error.message}` : error);
  process.exitCode = 2;
}

async function main(): Promise<number> {
  const flags = read();
  if (flags.help) {
    console.log(USAGE);
    return 0;
  }
  const history = flags.check === undefined ? await run(flags) : readHistory(fromCaller(flags.check));
  const verdict = check(history);
  if (verdict.violations.length > 0) console.log(`${story(history, verdict)}\n`);
  console.log(figures(history, verdict));
  return verdict.violations.length === 0 ? 0 : 1;
}

type Flags = ReturnType<typeof read>;

function read() {
  const value = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = {
    seconds: value, seed: value, keys: value, clients: value, kills: value, "no-kills": flag, history: value, check: value,
    target: value, "origin-port": value, "origin-host": value, path: value, help: flag,
  };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new Misuse(`${(error as Error).message.split(/[.\n]/)[0]}: see \`npm run torture -- --help\`.`);
  }
}

async function run(flags: Flags): Promise<History> {
  const seconds = whole("seconds", flags.seconds, 60);
  const options: Options = {
    seconds,
    seed: whole("seed", flags.seed, randomInt(1, 2 ** 31)),
    keys: whole("keys", flags.keys, 24),
    clients: whole("clients", flags.clients, 16),
    kills: flags["no-kills"] === true ? 0 : whole("kills", flags.kills, Math.ceil(seconds / 6)),
    historyFile: flags.history === undefined ? undefined : fromCaller(flags.history),
    target: target(flags),
  };
  console.log(`torturing for ${seconds} s, seed ${options.seed} …`);
  return await torture(options);
}

function target(flags: Flags): Options["target"] {
  if (flags.target === undefined) return undefined;
  if (!URL.canParse(flags.target)) throw new Misuse(`--target is '${flags.target}', which is no URL.`);
  if (flags["origin-port"] === undefined) throw new Misuse("--target needs --origin-port: the port of this machine to which the gateway forwards.");
  const originPort = whole("origin-port", flags["origin-port"], 0);
  return { url: flags.target, path: flags.path ?? "/v1/torture", originHost: flags["origin-host"] ?? "127.0.0.1", originPort };
}

function whole(name: string, given: string | undefined, otherwise: number): number {
  if (given === undefined) return otherwise;
  if (!/^\d+$/.test(given) || (Number(given) === 0 && name !== "kills")) throw new Misuse(`--${name} is '${given}': give a whole number from 1 on.`);
  return Number(given);
}

/** npm and run.sh change to the repository; a path means what it meant where it was typed. */
function fromCaller(file: string): string {
  return path.resolve(process.env["INIT_CWD"] ?? ".", file);
}
