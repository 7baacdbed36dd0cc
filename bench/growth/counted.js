// The built Worker, with a ledger that counts the rows it writes and sweeps when it is told to. GET /.bench says what was counted,
// POST /.bench lets the alarm ring now.

import Worker, { Ledger as Built } from "./index.js";

export * from "./index.js";

const SHARD = "v1/0";

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== "/.bench") return Worker.fetch(request, env, ctx);
    const shard = env.LEDGER.getByName(SHARD);
    return Response.json(request.method === "POST" ? await shard.ring() : await shard.counted());
  },
};

export class Ledger extends Built {
  constructor(ctx, env) {
    const { sql } = ctx.storage;
    const exec = (...parameters) => this.counting(sql.exec(...parameters), parameters[0]);
    Object.defineProperty(ctx.storage, "sql", { value: standIn(sql, { exec }) });
    super(ctx, env);
    this.cursors = [];
    this.sweeping = [];
    this.rows = 0;
    this.calls = [];
    this.turns = [];
  }

  counting(cursor, query) {
    // Requests come while an alarm is at work. Only the sweep asks for what is beyond one. The table is made before anything is counted.
    (/(slot|id) >/.test(query) ? this.sweeping : this.cursors)?.push(cursor);
    return cursor;
  }

  answer(message) {
    return this.measured(() => super.answer(message));
  }

  /** A cursor knows what it has written once it has been read to its end. */
  async measured(call) {
    const began = performance.now();
    const answer = await call();
    this.calls.push(performance.now() - began);
    this.rows += sum(this.cursors.splice(0), "rowsWritten");
    return answer;
  }

  async alarm() {
    const began = performance.now();
    await super.alarm();
    const cursors = this.sweeping.splice(0);
    this.turns.push({ written: sum(cursors, "rowsWritten"), read: sum(cursors, "rowsRead"), ms: performance.now() - began });
  }

  async ring() {
    await this.ctx.storage.setAlarm(Date.now());
  }

  /** Since it was last asked: `rows` that requests have written, milliseconds of their `calls`, and the `turns` of the sweep; and when the alarm rings `next`. */
  async counted() {
    const [rows, next] = [this.rows, await this.ctx.storage.getAlarm()];
    this.rows = 0;
    return { rows, calls: this.calls.splice(0), turns: this.turns.splice(0), next };
  }
}

function sum(cursors, rows) {
  return cursors.reduce((sum, cursor) => sum + cursor[rows], 0);
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
