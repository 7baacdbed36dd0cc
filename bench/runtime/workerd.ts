// A raw workerd: the binary that Cloudflare publishes, with nothing in front of the Worker and nothing beside it.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { Scratch } from "../scratch.ts";
import { configuration } from "./capnp.ts";
import type { KvAt } from "./capnp.ts";
import type { Program, Running } from "./program.ts";

const BINARY: string = (createRequire(import.meta.url)("workerd") as { default: string }).default;

export interface WorkerdOptions {
  /** Where its objects are kept. */
  readonly directory: string;
  readonly kv?: KvAt;
  /** The port of the inspector, for a profile. */
  readonly inspector?: number;
}

/** Those that run. None outlives the bench, however that ends. */
const running = new Set<ChildProcess>();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** Starts `program`; resolves when it listens. */
export async function startWorkerd(program: Program, { directory, kv, inspector }: WorkerdOptions): Promise<Running> {
  const scratch = new Scratch();
  const file = path.join(scratch.path, "config.capnp");
  writeFileSync(file, configuration(program, directory, kv));
  const args = ["serve", "--experimental", "--import-path=/", "--control-fd=3", file];
  if (inspector !== undefined) args.push(`--inspector-addr=127.0.0.1:${inspector}`);
  // The Worker's log goes nowhere: whoever reads it should not cost it anything. Writing it does, as anywhere.
  const child = spawn(BINARY, args, { stdio: ["ignore", "ignore", "pipe", "pipe"] });
  running.add(child);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()).once("error", () => resolve()));
  const close = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
    running.delete(child);
    scratch[Symbol.dispose]();
  };
  try {
    return { port: await listening(child), pid: child.pid ?? 0, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The port of the one socket; workerd reports it on the control descriptor. An error with what it said instead. */
function listening(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = "";
    // Read to the end, too: a full pipe would hold the process up.
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-4000)));
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`workerd ended: ${said.trim()}`)));
    createInterface({ input: child.stdio[3] as Readable }).on("line", (line) => {
      const message = JSON.parse(line) as { event: string; port?: number };
      if (message.event === "listen" && message.port !== undefined) resolve(message.port);
    });
  });
}
