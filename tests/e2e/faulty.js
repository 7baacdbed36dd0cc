// The entry point of a gateway whose ledger and KV fail when a test says so (`startGateway({ faults: true })`).
//
// Every shard has a table of faults besides its claims. A call to the shard takes the oldest fault of its kind: with `before`
// the call is lost on its way there, with `after` its reply is lost on the way back. With the variable `KV_FAILS`, nothing can
// be written to KV. Otherwise like inspected.js.

import { DurableObject } from "cloudflare:workers";
import Worker, { Ledger as Built } from "./index.js";

export * from "./index.js";

export default class extends Worker {
  constructor(ctx, env) {
    super(ctx, env.KV_FAILS === undefined ? env : { ...env, RESPONSES: { get: () => null, put: () => Promise.reject(new Error("KV fails")) } });
  }
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
    const moment = this.takeFault(CALLS[message[1]]);
    if (moment === "before") throw new Error("the call was lost");
    const response = await this.built.fetch(new Request(request.url, { method: "POST", body: message }));
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

  alarm() {
    return this.built.alarm();
  }
}
