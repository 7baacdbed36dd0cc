// The same Worker on miniflare, as `wrangler dev` runs it: with miniflare's own Worker in front of it, and its simulators of
// Durable Objects and KV beside it in the same process.

import { Log, LogLevel, Miniflare } from "miniflare";
import type { ModuleDefinition } from "miniflare";
import { Scratch } from "../scratch.ts";
import { children } from "./process.ts";
import { COMPATIBILITY_DATE } from "./program.ts";
import type { Module, Program, Running } from "./program.ts";

/** One after the other, so that each knows its process: miniflare hides it. */
let turn: Promise<unknown> = Promise.resolve();

/** Starts `program`, its objects on the disk; resolves when it listens. */
export function startMiniflare(program: Program): Promise<Running> {
  const mine = turn.then(() => start(program));
  turn = mine.catch(() => {});
  return mine;
}

async function start({ modules, vars, objects, kv }: Program): Promise<Running> {
  const state = new Scratch();
  const before = new Set(children());
  const miniflare = new Miniflare({
    modules: modules.map(definition),
    modulesRoot: "/",
    compatibilityDate: COMPATIBILITY_DATE,
    bindings: { ...vars },
    durableObjects: Object.fromEntries(Object.entries(objects).map(([name, className]) => [name, { className, useSQLite: true }])),
    kvNamespaces: kv === undefined ? [] : [kv],
    defaultPersistRoot: state.path,
    host: "127.0.0.1",
    port: 0,
    cf: false,
    log: new Log(LogLevel.NONE),
    structuredWorkerdLogs: true,
    handleStructuredLogs: () => {},
  });
  const close = async (): Promise<void> => {
    await miniflare.dispose();
    state[Symbol.dispose]();
  };
  try {
    const url = await miniflare.ready;
    return { port: Number(url.port), pid: children().find((pid) => !before.has(pid)) ?? 0, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function definition({ name, file }: Module): ModuleDefinition {
  return name.endsWith(".wasm") ? { type: "CompiledWasm", path: file } : { type: "ESModule", path: file };
}
