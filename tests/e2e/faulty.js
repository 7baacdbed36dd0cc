// The entry point of a gateway whose ledger and KV fail when a test says so (`startGateway({ faults: true })`).
//
// Every shard has a table of faults besides its claims. A call to the shard takes the oldest fault of its kind: with `before`
// the call is lost on its way there, with `after` its reply is lost on the way back. With `hold-before` and `hold-after` the call
// or its reply stands still there instead, until the test deletes the row `held`; what was written by then is on the disk. With the
// variable `KV_FAILS`, nothing can be written to KV; with `KV_HOLDS`, a put whose value ends with `hold-put-before` or `hold-put-after`
// stands still until there is a value `go on`. Whatever stands still says so in the log.
//
// A call to the shard also meets `reset` (the object is stopped, as the platform does). And one request has faults of its own, by
// the words of its header `X-Fault`: see `KV_FAULTS`, `LEDGER_FAULTS`, and `clock-back` and `clock-ahead`, an hour, for Worker and
// shard while the request is under way; for the Worker only, where the ledger runs apart. Otherwise like inspected.js.

import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import Worker, { Ledger as Built } from "./index.js";

export * from "./index.js";

/** By how much the clock of this isolate is wrong, milliseconds. */
let clockError = 0;
const now = Date.now;
Date.now = () => now() + clockError;

export default class extends WorkerEntrypoint {
  async fetch(request) {
    const faults = (request.headers.get("x-fault") ?? "").split(/[ ,]+/);
    clockError = faults.includes("clock-back") ? -3600_000 : faults.includes("clock-ahead") ? 3600_000 : 0;
    try {
      return await new Worker(this.ctx, withFaults(this.env, faults)).fetch(request);
    } finally {
      clockError = 0;
    }
  }
}

function withFaults(env, faults) {
  const bindings = { ...env };
  if (env.KV_FAILS !== undefined) bindings.RESPONSES = { get: () => null, put: KV_FAULTS["kv-put-fails"].put };
  else if (env.KV_HOLDS !== undefined) bindings.RESPONSES = holding(env.RESPONSES);
  for (const fault of faults) {
    if (fault in KV_FAULTS) bindings.RESPONSES = faultyKv(bindings.RESPONSES, KV_FAULTS[fault]);
    if (fault in LEDGER_FAULTS) bindings.LEDGER = new DurableObjectNamespace(bindings.LEDGER, LEDGER_FAULTS[fault]);
  }
  return bindings;
}

const never = () => new Promise(() => {});
const fails = () => Promise.reject(new Error("KV fails"));

/** `get` and `put` have the true one as their first parameter. */
const KV_FAULTS = {
  "kv-get-fails": { get: fails },
  "kv-get-hangs": { get: never },
  "kv-get-slow": { get: async (get) => (await scheduler.wait(1500), get()) },
  "kv-get-misses": { get: () => Promise.resolve(null) },
  "kv-get-late": { get: (get, look) => (look < 3 ? Promise.resolve(null) : get()) },
  "kv-get-garbage": { get: () => Promise.resolve(crypto.getRandomValues(new Uint8Array(4096)).buffer) },
  "kv-put-fails": { put: fails },
  "kv-put-hangs": { put: never },
};

function faultyKv(kv, fault) {
  let looks = 0;
  return {
    get: (...parameters) => (fault.get === undefined ? kv.get(...parameters) : fault.get(() => kv.get(...parameters), (looks += 1))),
    put: (...parameters) => (fault.put === undefined ? kv.put(...parameters) : fault.put(() => kv.put(...parameters))),
  };
}

const thrown = (message, marks) => Object.assign(new Error(message), marks);

/** What the call number `call` of this request throws, as the platform marks it; nothing where it goes through. */
const LEDGER_FAULTS = {
  "ledger-overloaded": () => thrown("Durable Object is overloaded. Too many requests queued.", { overloaded: true, retryable: true, remote: true }),
  "ledger-retryable": () => thrown("Network connection lost.", { retryable: true }),
  "ledger-retryable-once": (call) => (call === 1 ? thrown("Network connection lost.", { retryable: true }) : undefined),
};

/** The namespace of the ledger. The name of the class is what tells the built Worker that it is one. */
class DurableObjectNamespace {
  constructor(namespace, fault) {
    this.namespace = namespace;
    this.fault = fault;
    this.calls = 0;
  }

  getByName(name) {
    const stub = this.namespace.getByName(name);
    return {
      fetch: async (request) => {
        const error = this.fault((this.calls += 1));
        if (error !== undefined) throw error;
        return stub.fetch(request);
      },
    };
  }
}

/** Tells the test, and stands still until `goesOn`; a minute at most. */
async function hold(where, goesOn) {
  console.log(JSON.stringify({ held: where }));
  for (let i = 0; i < 3000 && !(await goesOn()); i++) await scheduler.wait(20);
}

function holding(kv) {
  const goesOn = async () => (await kv.get("go on")) !== null;
  return {
    get: (...parameters) => kv.get(...parameters),
    async put(name, value, options) {
      const end = new TextDecoder("latin1").decode(value.subarray(-15));
      if (end.endsWith("hold-put-before")) await hold("put-before", goesOn);
      await kv.put(name, value, options);
      if (end.endsWith("hold-put-after")) await hold("put-after", goesOn);
    },
  };
}

// The second byte of a message says which call it is (src/protocol/wire.rs).
const CALLS = ["begin", "settle"];

export class Ledger extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS faults (call TEXT, moment TEXT)");
    this.built = new Built(ctx, env);
  }

  async fetch(request) {
    const message = new Uint8Array(await request.arrayBuffer());
    const call = CALLS[message[1]];
    const moment = this.takeFault(call);
    if (moment === "before") throw new Error("the call was lost");
    if (moment === "reset") {
      // What `takeFault` has written would go with the object.
      await this.ctx.storage.sync();
      this.ctx.abort("reset by a test");
    }
    if (moment === "hold-before") await this.hold(`${call}-before`);
    const response = await this.built.fetch(new Request(request.url, { method: "POST", body: message }));
    if (moment === "hold-after") await this.hold(`${call}-after`);
    if (moment !== "after") return response;
    await response.arrayBuffer();
    throw new Error("the reply was lost");
  }

  takeFault(call) {
    const sql = this.ctx.storage.sql;
    const [fault] = sql.exec("SELECT rowid AS number, moment FROM faults WHERE call = ? ORDER BY rowid LIMIT 1", call).toArray();
    if (fault !== undefined) sql.exec("DELETE FROM faults WHERE rowid = ?", fault.number);
    return fault?.moment;
  }

  async hold(where) {
    const sql = this.ctx.storage.sql;
    sql.exec("INSERT INTO faults VALUES ('held', ?)", where);
    await this.ctx.storage.sync();
    await hold(where, () => sql.exec("SELECT 1 FROM faults WHERE call = 'held' AND moment = ?", where).toArray().length === 0);
  }

  alarm() {
    return this.built.alarm();
  }
}
