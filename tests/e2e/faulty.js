// The entry point of a gateway whose ledger and KV fail when a test says so (`startGateway({ faults: true })`).
//
// Every shard has a table of faults besides its claims. A call to the shard takes the oldest fault of its kind: with `before`
// the call is lost on its way there, with `after` its reply is lost on the way back. With `hold-before` and `hold-after` the call
// or its reply stands still there instead, until the test deletes the row `held`; what was written by then is on the disk. With the
// variable `KV_FAILS`, nothing can be written to KV; with `KV_HOLDS`, a put whose value ends with `hold-put-before` or `hold-put-after`
// stands still until there is a value `go on`. Whatever stands still says so in the log. Otherwise like inspected.js.

import { DurableObject } from "cloudflare:workers";
import Worker, { Ledger as Built } from "./index.js";

export * from "./index.js";

export default class extends Worker {
  constructor(ctx, env) {
    if (env.KV_FAILS !== undefined) super(ctx, { ...env, RESPONSES: { get: () => null, put: () => Promise.reject(new Error("KV fails")) } });
    else if (env.KV_HOLDS !== undefined) super(ctx, { ...env, RESPONSES: holding(env.RESPONSES) });
    else super(ctx, env);
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
