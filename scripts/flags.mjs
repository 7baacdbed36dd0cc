// The flags of `npm start`.

import { accessSync, constants, mkdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Failure } from "./progress.mjs";

const USAGE = `Runs the gateway on this machine: npm start -- [flags]

  --origin URL    the API behind the gateway; default: the policy's origin, or the demo origin
  --policy FILE   the policy to run with; default: reprise.toml, as compiled in
  --port N        the port to listen on, at 127.0.0.1; default: 8787
  --state DIR     where claims and responses are kept; default: .reprise/state
  --help          this text`;

/** The flags as `{ origin?, policy?: { file, text }, port, state }`; undefined if they asked for help. */
export function readFlags(args) {
  const flags = parse(args);
  if (flags.help) return void console.log(USAGE);
  return {
    origin: flags.origin === undefined ? undefined : originUrl(flags.origin),
    policy: flags.policy === undefined ? undefined : { file: flags.policy, text: policyText(flags.policy) },
    port: portNumber(flags.port),
    state: flags.state === undefined ? resolve(".reprise/state") : stateDirectory(flags.state),
  };
}

function parse(args) {
  const value = { type: "string" };
  const options = { origin: value, policy: value, port: { ...value, default: "8787" }, state: value, help: { type: "boolean" } };
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    const [reason] = error.message.split(/[.\n]/);
    throw new Failure(`${reason}: see \`npm start -- --help\`.`);
  }
}

function originUrl(given) {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!/^https?:$/.test(url?.protocol ?? "")) {
    throw new Failure(`--origin is '${given}', which is no http or https URL: give one such as http://127.0.0.1:3000.`);
  }
  return given;
}

function policyText(given) {
  try {
    return readFileSync(fromCaller(given), "utf8");
  } catch (error) {
    throw new Failure(`--policy is '${given}', which can't be read (${error.code}): give the path of a policy such as reprise.toml.`);
  }
}

function portNumber(given) {
  const port = Number(given);
  if (!/^\d+$/.test(given) || port < 1 || port > 65535) {
    throw new Failure(`--port is '${given}': give a number from 1 to 65535.`);
  }
  return port;
}

function stateDirectory(given) {
  const directory = fromCaller(given);
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
    return directory;
  } catch (error) {
    throw new Failure(`--state is '${given}', which can't be written to (${error.code}): give a directory that can.`);
  }
}

/** npm and run.sh change to the repository; a path means what it meant where it was typed. */
function fromCaller(path) {
  return resolve(process.env.INIT_CWD ?? ".", path);
}
