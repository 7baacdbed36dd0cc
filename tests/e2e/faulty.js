// The entry point of a gateway whose ledger and KV fail when a test says so (`startGateway({ faults: true })`).
//
// Every shard has a table of faults besides its claims. A call to the shard takes the oldest fault of its kind: with `before`
// the call is lost on its way there, with `after` its reply is lost on the way back. With `hold-before` and `hold-after` the call
// or its reply stands still there instead, until the test deletes the row `held`; what was written by then is on the disk. With the
// variable `KV_FAILS`, nothing can be written to KV; with `KV_HOLDS`, a put whose value ends with `hold-put-before` or `hold-put-after`
// stands still until there is a value `go on`. Whatever stands still says so in the log.
//
// A call to the shard also meets `reset` (the object is stopped, as the platform does), and the fault `alarm` is one of its looking for
// its alarm. And one request has faults of its own, by
// the words of its header `X-Fault`: see `KV_FAULTS`, `BUCKET_FAULTS`, `RUNNER_FAULTS`, and `LEDGER_FAULTS`, whose words begin with the call that they
// are of, or with `ledger` for all of them (`settle-hangs`, `ledger-overloaded`); `clock-back` and `clock-ahead`, an hour, for Worker
// and shard while the request is under way; for the Worker only, where the ledger runs apart. There, each of the two has a clock that can
// be set wrong for good: the Worker's by a request to `/.faults/clock`, that of the shards by PATCH, with milliseconds as the body.
// Otherwise like inspected.js.

import Worker, { Ledger as Built } from "./index.js";

export * from "./index.js";

/** By how much the clock of this isolate is wrong, milliseconds: while a request is under way that says so, and until it is set again. */
let [wrongNow, wrong] = [0, 0];
const now = Date.now;
Date.now = () => now() + wrongNow + wrong;

async function setClock(request) {
  wrong = Number(await request.text());
  return new Response();
}

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/.faults/clock") return setClock(request);
    const faults = (request.headers.get("x-fault") ?? "").split(/[ ,]+/);
    wrongNow = faults.includes("clock-back") ? -3600_000 : faults.includes("clock-ahead") ? 3600_000 : 0;
    try {
      return await Worker.fetch(request, withFaults(env, faults), ctx);
    } finally {
      wrongNow = 0;
    }
  },
};

function withFaults(env, faults) {
  const bindings = { ...env };
  if (env.KV_FAILS !== undefined) bindings.RESPONSES = { get: () => null, put: KV_FAULTS["kv-put-fails"].put };
  else if (env.KV_HOLDS !== undefined) bindings.RESPONSES = holding(env.RESPONSES);
  for (const word of faults) {
    if (word in KV_FAULTS) bindings.RESPONSES = faultyKv(bindings.RESPONSES, KV_FAULTS[word]);
    if (word in BUCKET_FAULTS) bindings.OVERFLOW = faultyBucket(bindings.OVERFLOW, BUCKET_FAULTS[word]);
    if (word in RUNNER_FAULTS) bindings.RUNNER = faultyRunner(bindings.RUNNER, RUNNER_FAULTS[word]);
    const [, call, fault] = /^(ledger|begin|settle|peek)-(.+)$/.exec(word) ?? [];
    if (fault in LEDGER_FAULTS) bindings.LEDGER = faultyLedger(bindings.LEDGER, call, LEDGER_FAULTS[fault]);
  }
  return bindings;
}

/** Tells the test, and never comes to an end. */
const never = () => {
  console.log(JSON.stringify({ hangs: true }));
  return new Promise(() => {});
};
const fails = () => Promise.reject(new Error("KV fails: 429 Too Many Requests"));
const noise = (length) => crypto.getRandomValues(new Uint8Array(length));

/** The calls of the bucket, and of an upload into it, that are not the true ones; `fails` counts down where it is not for good. */
const BUCKET_FAULTS = {
  "r2-begin-fails": { createMultipartUpload: fails },
  "r2-part-fails": { uploadPart: fails },
  "r2-part-fails-twice": () => {
    let left = 2;
    return { uploadPart: (part) => (left-- > 0 ? fails() : part()) };
  },
  "r2-complete-fails": { complete: fails },
  "r2-get-fails": { get: fails },
  "r2-get-misses": { get: () => Promise.resolve(null) },
  "r2-get-short": { get: () => Promise.resolve({ size: 1, body: new Blob(["x"]).stream() }) },
};

function faultyBucket(bucket, faults) {
  const { createMultipartUpload, get, ...upload } = typeof faults === "function" ? faults() : faults;
  return {
    get: (name) => (get ? get() : bucket.get(name)),
    createMultipartUpload: async (name) => {
      if (createMultipartUpload) return createMultipartUpload();
      const begun = await bucket.createMultipartUpload(name);
      const call = (method, ...parameters) => (upload[method] ? upload[method](() => begun[method](...parameters)) : begun[method](...parameters));
      return {
        uploadPart: (...parameters) => call("uploadPart", ...parameters),
        complete: (...parameters) => call("complete", ...parameters),
        abort: () => begun.abort(),
      };
    },
  };
}

/** `get` and `put` have the true one as their first parameter. */
const KV_FAULTS = {
  "kv-get-fails": { get: fails },
  "kv-get-hangs": { get: never },
  "kv-get-slow": { get: async (get) => (await scheduler.wait(1500), get()) },
  "kv-get-misses": { get: () => Promise.resolve(null) },
  "kv-get-late": { get: (get, look) => (look < 3 ? Promise.resolve(null) : get()) },
  "kv-get-garbage": { get: () => Promise.resolve(noise(4096).buffer) },
  "kv-get-throws": { get: () => { throw new Error("KV fails"); } },
  "kv-put-fails": { put: fails },
  "kv-put-throws": { put: () => { throw new Error("KV fails"); } },
  "kv-put-hangs": { put: never },
  "kv-put-lands": { put: async (put) => (await put(), fails()) },
};

function faultyKv(kv, fault) {
  let looks = 0;
  return {
    get: (...parameters) => (fault.get === undefined ? kv.get(...parameters) : fault.get(() => kv.get(...parameters), (looks += 1))),
    put: (...parameters) => (fault.put === undefined ? kv.put(...parameters) : fault.put(() => kv.put(...parameters))),
  };
}

const thrown = (message, marks) => Object.assign(new Error(message), marks);

const overloaded = () => Promise.reject(thrown("Durable Object is overloaded. Too many requests queued.", { overloaded: true, retryable: true, remote: true }));
const lost = () => Promise.reject(thrown("Network connection lost.", { retryable: true }));

/** What comes of a call to a shard, which is the first parameter, and the number of this one: errors as the platform marks them. */
const LEDGER_FAULTS = {
  overloaded,
  "lands-overloaded": async (call) => (await call(), overloaded()),
  lost,
  "lands-lost": async (call) => (await call(), lost()),
  "lost-once": (call, n) => (n === 1 ? lost() : call()),
  hangs: never,
  "lands-hangs": async (call) => (await call(), never()),
  garbage: () => Promise.resolve(noise(200)),
  empty: () => Promise.resolve(),
  "other-version": async (call) => {
    const answer = bytes(await call());
    return answer.with(0, answer[0] + 1);
  },
  // The second byte says what an answer is to (src/protocol/wire.rs): 1 to `settle`, 2 to a `begin` that has waited.
  "other-answer": async (call) => {
    const answer = bytes(await call());
    return answer[1] === 1 ? answer.with(1, 2).subarray(0, 2) : new Uint8Array([answer[0], 1, 0]);
  },
};

/** Of an answer, which is text where it is short (src/edge/message.rs). The Worker takes either. */
function bytes(answer) {
  if (typeof answer !== "string") return answer;
  return Uint8Array.from(atob(answer.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
}

function faultyLedger(namespace, call, fault) {
  let calls = 0;
  return {
    getByName(name) {
      const stub = namespace.getByName(name);
      return {
        ask(message) {
          // By RPC only what it is called with is sent, and not the memory in which that lies.
          const ask = () => stub.ask(message.slice());
          return call !== "ledger" && call !== CALLS[message[1]] ? ask() : fault(ask, (calls += 1));
        },
      };
    },
  };
}

/** What comes of the call to the object of a detached call. */
const RUNNER_FAULTS = {
  "runner-lost": () => Promise.reject(thrown("Network connection lost.", { retryable: true })),
  "runner-lands-lost": async (call) => (await call(), lost()),
  "runner-hangs": never,
};

function faultyRunner(namespace, fault) {
  return {
    newUniqueId: () => namespace.newUniqueId(),
    get: (id) => ({ fetch: (...parameters) => fault(() => namespace.get(id).fetch(...parameters)) }),
  };
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
const CALLS = ["begin", "settle", "peek"];

export class Ledger extends Built {
  constructor(ctx, env) {
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS faults (call TEXT, moment TEXT)");
    const { storage } = ctx;
    const getAlarm = storage.getAlarm.bind(storage);
    storage.getAlarm = async (...parameters) => {
      if (this.takeFault("alarm") !== undefined) throw new Error("the alarm was lost");
      return getAlarm(...parameters);
    };
    super(ctx, env);
    this.inside = 0;
  }

  async fetch(request) {
    if (request.method === "GET") return new Response(String(this.inside));
    if (request.method === "OPTIONS") return new Response(String(await this.ctx.storage.getAlarm()));
    if (request.method === "PATCH") return setClock(request);
    if (request.method === "DELETE") this.ctx.abort("stopped by a test");
    return new Response(await this.ask(new Uint8Array(await request.arrayBuffer())));
  }

  async ask(message) {
    this.inside += 1;
    try {
      return await this.askWithFaults(message);
    } finally {
      this.inside -= 1;
    }
  }

  async askWithFaults(message) {
    const call = CALLS[message[1]];
    const moment = this.takeFault(call);
    if (moment === "before") throw new Error("the call was lost");
    if (moment === "reset") {
      // What `takeFault` has written would go with the object.
      await this.ctx.storage.sync();
      this.ctx.abort("reset by a test");
    }
    if (moment === "hold-before") await this.hold(`${call}-before`);
    const answer = await super.ask(message);
    if (moment === "hold-after") await this.hold(`${call}-after`);
    if (moment === "after") throw new Error("the reply was lost");
    return answer;
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
}
