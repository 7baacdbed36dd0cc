// The built Worker, with a ledger that counts the rows it writes and sweeps when it is told to. GET /.bench says what was counted,
// POST /.bench lets the alarm ring now.

import { DurableObject } from "cloudflare:workers";
import Worker, { Ledger as Built } from "./index.js";

export * from "./index.js";

const SHARD = "v1/0";

export default class extends Worker {
  async fetch(request) {
    if (new URL(request.url).pathname !== "/.bench") return super.fetch(request);
    const shard = this.env.LEDGER.getByName(SHARD);
    return Response.json(request.method === "POST" ? await shard.ring() : await shard.counted());
  }
}

export class Ledger extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.cursors = [];
    this.rows = 0;
    this.turns = 0;
    this.swept = 0;
    const sql = standIn(ctx.storage.sql, { exec: (...parameters) => this.exec(...parameters) });
    this.built = new Built(standIn(ctx, { storage: standIn(ctx.storage, { sql }) }), env);
  }

  exec(...parameters) {
    const cursor = this.ctx.storage.sql.exec(...parameters);
    this.cursors.push(cursor);
    return cursor;
  }

  /** The rows that were written since it was last asked. A cursor knows when it has been read to its end. */
  written() {
    const rows = this.cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0);
    this.cursors = [];
    return rows;
  }

  async fetch(request) {
    const response = await this.built.fetch(request);
    this.rows += this.written();
    return response;
  }

  async alarm() {
    this.written();
    await this.built.alarm();
    this.swept += this.written();
    this.turns += 1;
  }

  async ring() {
    await this.ctx.storage.setAlarm(Date.now());
  }

  /** `rows` by requests, `swept` by the alarm and in how many `turns`; `next` is when it rings again. */
  async counted() {
    return { rows: this.rows, swept: this.swept, turns: this.turns, next: await this.ctx.storage.getAlarm() };
  }
}

// What the object is asked by name, it passes on.
for (const name of Object.getOwnPropertyNames(Built.prototype)) {
  if (!(name in Ledger.prototype)) {
    Ledger.prototype[name] = async function (...parameters) {
      const answer = await this.built[name](...parameters);
      this.rows += this.written();
      return answer;
    };
  }
}

/** `object`, with some properties of another kind. Methods stay its own: those of the runtime work on nothing else. */
function standIn(object, properties) {
  return new Proxy(object, {
    get(target, name) {
      if (name in properties) return properties[name];
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
