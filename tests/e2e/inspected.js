// The entry point of a gateway whose ledger the tests look into (`startGateway({ inspect: true })`): otherwise as it is deployed.
//
// It counts the calls that are inside, so that a test sees who waits (GET), and can stop an object in the midst of them (DELETE), as
// the platform does: the calls inside fail, and the next one finds a new object on the same storage. PUT sweeps now, as the alarm
// would later, and says how many claims that has deleted. PATCH leaves the Wasm module as a panic does. POST is a message, past the
// Worker.

import Worker, { Ledger as Built } from "./index.js";

export * from "./index.js";
export default Worker;

export class Ledger extends Built {
  inside = 0;

  async fetch(request) {
    if (request.method === "GET") return new Response(String(this.inside));
    if (request.method === "PUT") return this.swept();
    if (request.method === "PATCH") {
      globalThis.__worker_init_state.criticalError = true;
      return new Response();
    }
    if (request.method === "DELETE") this.ctx.abort("stopped by a test");
    return new Response(await this.ask(new Uint8Array(await request.arrayBuffer())));
  }

  async ask(message) {
    this.inside += 1;
    try {
      return await super.ask(message);
    } finally {
      this.inside -= 1;
    }
  }

  async swept() {
    const claims = () => this.ctx.storage.sql.exec("SELECT (SELECT count(*) FROM claims) + (SELECT count(*) FROM displaced) AS n").one().n;
    const before = claims();
    await this.alarm();
    return new Response(String(before - claims()));
  }
}
