// The entry point of a gateway whose ledger the tests look into (`startGateway({ inspect: true })`).
//
// The runtime lets a test run SQL in an object only through a method call, and method calls only reach classes that
// extend `DurableObject`. The class that Rust exports does not. So this one stands in front of it, hands everything on,
// and shares its storage. Gateways that are not inspected run `build/index.js` as it is deployed.

import { DurableObject } from "cloudflare:workers";
import Worker, { Ledger as Built } from "./index.js";

export * from "./index.js";
export default Worker;

export class Ledger extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.built = new Built(ctx, env);
  }

  fetch(request) {
    return this.built.fetch(request);
  }

  alarm() {
    return this.built.alarm();
  }
}
