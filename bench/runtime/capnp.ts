// The configuration of a raw workerd, as the text format of Cap'n Proto (node_modules/workerd/workerd.capnp explains it).

import { COMPATIBILITY_DATE } from "./program.ts";
import type { Module, Program } from "./program.ts";

export interface KvAt {
  readonly port: number;
  /** Which of the service's namespaces; see services/kv.ts. */
  readonly namespace: string;
}

/**
 * One Worker on one socket, named `http`; its objects store below `directory`. Files are found with `--import-path=/`.
 *
 * (workerd can keep objects in memory as well, but then they have no SQL.)
 */
export function configuration(program: Program, directory: string, kv: KvAt | undefined): string {
  const { modules, vars, objects } = program;
  const bindings = [
    ...Object.entries(vars).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
    ...Object.entries(objects).map(([name, className]) => `(name = ${text(name)}, durableObjectNamespace = ${text(className)})`),
    ...(program.kv === undefined || kv === undefined ? [] : [`(name = ${text(program.kv)}, kvNamespace = "kv")`]),
  ];
  const classes = [...new Set(Object.values(objects))];
  const worker = [
    `modules = ${list(modules.map(module))}`,
    `compatibilityDate = ${text(COMPATIBILITY_DATE)}`,
    `bindings = ${list(bindings)}`,
    ...(classes.length === 0
      ? []
      : [
          `durableObjectNamespaces = ${list(classes.map((name) => `(className = ${text(name)}, uniqueKey = ${text(uniqueKey(name))}, enableSql = true)`))}`,
          `durableObjectStorage = (localDisk = "objects")`,
        ]),
  ];
  const services = [
    `(name = "worker", worker = (${worker.join(",\n      ")}))`,
    // The origin is at 127.0.0.1, which the runtime refuses by default.
    `(name = "internet", network = (allow = ["public", "private"]))`,
    ...(kv === undefined ? [] : [`(name = "kv", external = (address = "127.0.0.1:${kv.port}", http = (injectRequestHeaders = [(name = "X-Namespace", value = ${text(kv.namespace)})])))`]),
    `(name = "objects", disk = (path = ${text(directory)}, writable = true))`,
  ];
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = ${list(services)},
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
`;
}

/** The directory of a class below that of the objects. */
export function uniqueKey(className: string): string {
  return `bench-${className}`;
}

function module({ name, file }: Module): string {
  return `(name = ${text(name)}, ${name.endsWith(".wasm") ? "wasm" : "esModule"} = embed ${text(file)})`;
}

/** JSON's escapes for line feeds, quotes and backslashes are Cap'n Proto's, too. */
function text(value: string): string {
  return JSON.stringify(value);
}

function list(items: readonly string[]): string {
  return `[\n    ${items.join(",\n    ")}\n  ]`;
}
