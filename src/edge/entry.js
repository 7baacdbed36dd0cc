// The entry of the Worker: what the runtime calls, in front of what worker-build has made of the Rust crate (docs/architecture.md,
// "The entry"). It stands here because the runtime lets nobody call a method of an object but of a class that extends `DurableObject`,
// which costs about half as much as its `fetch`; and because worker-build makes two proxies for every call, so that it can start anew
// after a panic, where one look is enough.

import { DurableObject } from "cloudflare:workers";
import Built, { Ledger as Shard, Runner } from "built";
import refusals from "../../docs/reference/refusals.md";
import { Turns } from "./turns.js";

/** After a panic, worker-build starts the Wasm module anew with the next call that goes through its proxies. */
const state = globalThis.__worker_init_state;

/** What the gateway serves under /.reprise/refusals: a page is no code, and Wasm has to be compiled. */
globalThis.refusals = () => refusals;
addEventListener("unhandledrejection", ({ reason }) => void noted(reason));

/** After a panic, nothing of the module can be called any more. */
function noted(error) {
  if (error instanceof WebAssembly.RuntimeError) state.criticalError = true;
  return error;
}

/** Not through a proxy. */
const { fetch: handle } = Built.prototype;

export default {
  fetch(request, env, ctx) {
    if (state.criticalError) return new Built(ctx, env).fetch(request);
    try {
      return handle.call({ env, ctx }, request);
    } catch (error) {
      throw noted(error);
    }
  },
};

/** The class, without the proxy that makes two more for each call. */
const BareShard = Shard.prototype.constructor;

/** One shard of the ledger. */
export class Ledger extends DurableObject {
  #turns = new Turns((message) => this.answer(message));
  #shard;
  /** The instance of the Wasm module that it belongs to. */
  #instance;

  constructor(ctx, env) {
    super(ctx, env);
    this.#current();
  }

  /** A message of src/protocol/wire.rs, and the answer to it. Calls that come together are one commit. */
  ask(message) {
    return this.#turns.ask(message);
  }

  async alarm() {
    try {
      await this.#current().alarm();
    } catch (error) {
      throw noted(error);
    }
  }

  /** The same, at once. */
  answer(message) {
    try {
      return this.#current().ask(message);
    } catch (error) {
      throw noted(error);
    }
  }

  #current() {
    if (state.criticalError || this.#instance !== state.instanceId) {
      // Through its proxy, a new one starts the module anew where that is due.
      if (state.criticalError) new Shard(this.ctx, this.env);
      this.#shard = new BareShard(this.ctx, this.env);
      this.#instance = state.instanceId;
    }
    return this.#shard;
  }
}

export { Runner };
