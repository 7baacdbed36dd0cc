// The entry point of a gateway whose ledger the tests look into (`startGateway({ inspect: true })`).
//
// The runtime lets a test run SQL in an object only through a method call, and method calls only reach classes that
// extend `DurableObject`. The class that Rust exports does not. So this one stands in front of it, hands everything on,
// and shares its storage. Gateways that are not inspected run `build/index.js` as it is deployed.
//
// It also counts the calls that are inside, so that a test sees who waits (GET), and can stop an object in the midst of them
// (DELETE), as the platform does: the calls inside fail, and the next one finds a new object on the same storage. PUT sweeps
// now, as the alarm would later, and says how many claims that has deleted.

import { DurableObject } from "cloudflare:workers";
import Worker, { Ledger as Built } from "./index.js";

export * from "./index.js";
export default Worker;

export class Ledger extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.built = new Built(ctx, env);
    this.inside = 0;
  }

  async fetch(request) {
    if (request.method === "GET") return new Response(String(this.inside));
    if (request.method === "PUT") return this.swept();
    if (request.method === "DELETE") this.ctx.abort("stopped by a test");
    this.inside += 1;
    try {
      return await this.built.fetch(request);
    } finally {
      this.inside -= 1;
    }
  }

  async swept() {
    const claims = () => this.ctx.storage.sql.exec("SELECT count(*) AS n FROM claims").one().n;
    const before = claims();
    await this.built.alarm();
    return new Response(String(before - claims()));
  }

  alarm() {
    return this.built.alarm();
  }
}
