// The built Worker on workerd, through miniflare: what Cloudflare runs, on this machine.

import { Log, LogLevel, Miniflare } from "miniflare";
import { Failure } from "./progress.mjs";

const HOST = "127.0.0.1";

// The newest date the workerd of miniflare accepts; the deployed one is in wrangler.toml.
const COMPATIBILITY_DATE = "2026-07-30";

/** A running gateway. `vars` are its `POLICY` and `ORIGIN`, where they are to differ from what was compiled in. */
export class Gateway {
  #options;
  #miniflare;

  constructor({ port, state, vars }) {
    this.url = `http://${HOST}:${port}`;
    this.#options = {
      name: "reprise",
      modules: true,
      scriptPath: "build/index.js",
      modulesRules: [
        { type: "ESModule", include: ["**/*.js"] },
        { type: "CompiledWasm", include: ["**/*.wasm"] },
      ],
      compatibilityDate: COMPATIBILITY_DATE,
      durableObjects: {
        LEDGER: { className: "Ledger", useSQLite: true },
        RUNNER: { className: "Runner", useSQLite: true },
      },
      kvNamespaces: ["RESPONSES"],
      bindings: vars,
      defaultPersistRoot: state,
      // Straight to the Worker: miniflare's own front, on a port nobody knows, would rewrite
      // encodings and dress up errors.
      host: HOST,
      port: 0,
      unsafeDirectSockets: [{ host: HOST, port }],
      // Else it would ask Cloudflare what `request.cf` is to be.
      cf: false,
      log: new Log(LogLevel.NONE),
      structuredWorkerdLogs: true,
      handleStructuredLogs: ({ message }) => console.log(message),
    };
    this.#miniflare = new Miniflare(this.#options);
  }

  /** What the gateway says of itself; fails with the error it reports. */
  async health() {
    await this.#miniflare.ready;
    const response = await fetch(`${this.url}/.reprise/health`);
    const text = await response.text();
    let health;
    try {
      health = JSON.parse(text);
    } catch {
      throw new Failure(`the gateway answered ${response.status} to /.reprise/health: ${text}`);
    }
    if (!response.ok) throw new Failure(health.error ?? text);
    return health;
  }

  /** Goes on with other variables. */
  async setVars(vars) {
    this.#options = { ...this.#options, bindings: vars };
    await this.#miniflare.setOptions(this.#options);
  }

  async stop() {
    await this.#miniflare.dispose();
  }
}
