// What is run: a Worker's modules, its variables and its bindings; and what is seen of it while it runs.

import { fileURLToPath } from "node:url";

/** The newest date that the runtime of the bench accepts. The deployed date is in wrangler.toml. */
export const COMPATIBILITY_DATE = "2026-07-30";

export interface Module {
  /** The name by which other modules import it. */
  readonly name: string;
  readonly file: string;
}

export interface Program {
  /** The first one is the entry. A name that ends with `.wasm` is a compiled module. */
  readonly modules: readonly [Module, ...Module[]];
  readonly vars: Readonly<Record<string, string>>;
  /** The class behind each binding of Durable Objects. */
  readonly objects: Readonly<Record<string, string>>;
  /** The binding of its KV namespace, where it has one. */
  readonly kv?: string;
}

/** A program that runs in a process of its own, until it is disposed of. */
export interface Running extends AsyncDisposable {
  /** At 127.0.0.1. */
  readonly port: number;
  readonly pid: number;
}

const repository = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The Worker as `npm run build` has made it. */
export const BUILT: readonly [Module, ...Module[]] = [
  { name: "index.js", file: repository("build/index.js") },
  { name: "index_bg.wasm", file: repository("build/index_bg.wasm") },
];

/** The same with the names of its functions, for a profile. */
export const NAMED: Module = { name: "index_bg.wasm", file: repository("build/index_named.wasm") };

/** A script in bench/. */
export function script(name: string, path: string): Module {
  return { name, file: repository(`bench/${path}`) };
}
