// `npm run bench -- profile`: where the JavaScript thread of a subject spends its time, by V8's own profiler.

import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { run } from "./client.ts";
import { hasRamDisk, RAM_DISK } from "./rounds.ts";
import { NAMED } from "./runtime/program.ts";
import type { Program } from "./runtime/program.ts";
import { startWorkerd } from "./runtime/workerd.ts";
import { scenario } from "./scenarios.ts";
import { Scratch } from "./scratch.ts";
import { Services } from "./services/services.ts";
import type { Subject } from "./subjects.ts";
import { columns } from "./table.ts";

/** Microseconds between two looks at the stack. */
const INTERVAL_US = 100;
const SECONDS = 5;

/** As V8 gives it, and as `.cpuprofile` files have it. */
export interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string }; readonly children?: readonly number[] }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** Profiles `subject` under load, once it is warm. */
export async function profile(subject: Subject, { body, connections, warmUp }: { body: number; connections: number; warmUp: number }): Promise<Profile> {
  using scratch = new Scratch(hasRamDisk() ? RAM_DISK : undefined);
  await using services = await Services.start();
  const inspector = await freePort();
  const namespace = "profile";
  const program = named(subject.program(`http://127.0.0.1:${services.originPort}`));
  await using running = await startWorkerd(program, { directory: scratch.path, kv: { port: services.kvPort, namespace }, inspector });
  const place = { port: running.port, services, namespace, body, connections };
  const played = scenario(subject.scenario);
  const load = async (seconds: number): Promise<void> => {
    await run(running.port, await played.begin(place), { connections, leadIn: 0, seconds });
    await played.end(place);
  };
  await load(warmUp);
  await using session = await Session.open(inspector);
  await session.call("Profiler.enable");
  await session.call("Profiler.setSamplingInterval", { interval: INTERVAL_US });
  await session.call("Profiler.start");
  await load(SECONDS);
  return ((await session.call("Profiler.stop")) as { profile: Profile }).profile;
}

/** The same program, its Wasm functions with names. */
function named(program: Program): Program {
  const [entry, ...rest] = program.modules;
  return { ...program, modules: [entry, ...rest.map((module) => (module.name === NAMED.name ? NAMED : module))] };
}

/** The functions that take most: in themselves, and with all that they call. Time in which nothing is done does not count. */
export function profileTable({ nodes, samples, timeDeltas }: Profile, most = 40): string {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const name = (id: number): string => (byId.get(id)?.callFrame.functionName || "(anonymous)").replace(/::h[0-9a-f]{16}\b/, "");
  const self = new Map<string, number>();
  const within = new Map<string, number>();
  let busy = 0;
  const add = (to: Map<string, number>, key: string, time: number): void => void to.set(key, (to.get(key) ?? 0) + time);
  samples.forEach((sample, index) => {
    if (name(sample) === "(idle)") return;
    const time = timeDeltas[index] ?? 0;
    busy += time;
    add(self, name(sample), time);
    const stack = new Set<string>();
    for (let at: number | undefined = sample; at !== undefined; at = parents.get(at)) stack.add(name(at));
    for (const each of stack) add(within, each, time);
  });
  const percent = (time: number | undefined): string => `${(((time ?? 0) / busy) * 100).toFixed(1)} %`;
  const top = [...within.keys()].filter((key) => key !== "(root)").sort((a, b) => (self.get(b) ?? 0) - (self.get(a) ?? 0)).slice(0, most);
  const long = [...within].filter(([key]) => key !== "(root)").sort(([, a], [, b]) => b - a).slice(0, most);
  const shown = (key: string): string => key.slice(0, 110);
  return [
    columns([["self", "with callees", ""], ...top.map((key) => [percent(self.get(key)), percent(within.get(key)), shown(key)])], [2]),
    columns([["with callees", ""], ...long.map(([key, time]) => [percent(time), shown(key)])], [1]),
  ].join("\n\n");
}

/** A conversation with V8's inspector. */
class Session implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(String(data)) as { id?: number; result?: unknown };
      if (message.id !== undefined) this.#waiting.get(message.id)?.(message.result);
    });
  }

  static async open(port: number): Promise<Session> {
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as { webSocketDebuggerUrl: string }[];
    const socket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? "");
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    return new Session(socket);
  }

  call(method: string, params: Record<string, unknown> = {}): Promise<unknown> {
    const id = (this.#calls += 1);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
  }
}

/** workerd does not say which port its inspector has, so it has to be told one. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
