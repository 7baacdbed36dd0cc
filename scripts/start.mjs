// `npm start`: the gateway on this machine, with a demo origin behind it unless it has another.

import { createServer } from "node:net";
import { relative } from "node:path";
import { startDemoOrigin } from "../demo/origin.mjs";
import { build } from "./build.mjs";
import { readFlags } from "./flags.mjs";
import { Gateway } from "./gateway.mjs";
import { Failure, runMain } from "./progress.mjs";

const DEMO_PORT = 9900;
const DEMO_URL = `http://127.0.0.1:${DEMO_PORT}`;

await runMain(async () => {
  const flags = readFlags(process.argv.slice(2));
  if (!flags) return;
  await requireFreePort(flags.port);
  await build();

  const vars = {};
  if (flags.policy) vars.POLICY = flags.policy.text;
  if (flags.origin) vars.ORIGIN = flags.origin;
  const gateway = new Gateway({ ...flags, vars });
  let demo;
  stopOnSignal(async () => {
    await gateway.stop();
    await demo?.close();
  });

  let health = await readHealth(gateway, flags);
  const wantsDemo = !flags.origin && !flags.policy && health.policy.origin.replace(/\/$/, "") === DEMO_URL;
  if (wantsDemo) {
    demo = await demoOrigin();
    if (demo.url !== DEMO_URL) {
      await gateway.setVars({ ORIGIN: demo.url });
      health = await readHealth(gateway, flags);
    }
  }
  console.log(banner(gateway, health, flags, demo));
});

async function requireFreePort(port) {
  const code = await new Promise((resolve) => {
    const probe = createServer().on("error", (error) => resolve(error.code));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(undefined)));
  });
  if (code === "EADDRINUSE") {
    throw new Failure(`--port ${port} is in use: stop what listens there, or give another, such as --port ${port === 65535 ? 8787 : port + 1}.`);
  }
  if (code) throw new Failure(`--port ${port} can't be listened on (${code}): give another, such as --port 8787.`);
}

async function readHealth(gateway, { policy }) {
  try {
    return await gateway.health();
  } catch (error) {
    await gateway.stop();
    // The Worker knows the policy only as its variable.
    if (error instanceof Failure && policy) error.message = error.message.replace(/^POLICY(?=:)/gm, policy.file);
    throw error;
  }
}

/** The demo origin that runs already, if it does; else one of our own, on its usual port if that is free. */
async function demoOrigin() {
  try {
    return await startDemoOrigin({ port: DEMO_PORT });
  } catch (error) {
    if (error.code !== "EADDRINUSE") throw error;
  }
  if (await isDemoOrigin(DEMO_URL)) return { url: DEMO_URL, close: async () => {} };
  return startDemoOrigin({ port: 0 });
}

async function isDemoOrigin(url) {
  try {
    const response = await fetch(`${url}/_demo/executions`, { signal: AbortSignal.timeout(1000) });
    return typeof (await response.json()).executions === "number";
  } catch {
    return false;
  }
}

function stopOnSignal(stop) {
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM"]) {
    // miniflare's own listener would end the process before the state is at rest, and as a failure.
    process.removeAllListeners(signal);
    process.on(signal, async () => {
      // Ctrl-C reaches us both from the terminal and from npm.
      if (stopping) return;
      stopping = true;
      await stop();
      process.exit(0);
    });
  }
}

function banner(gateway, health, { policy, state }, demo) {
  const { origin, routes } = health.policy;
  const lines = [
    `Reprise is ready on ${gateway.url}`,
    "",
    `  origin   ${origin}${demo ? ` (the demo: what it executed is at ${demo.url}/_demo/executions)` : ""}`,
    `  policy   ${policy?.file ?? "reprise.toml"}, which guards ${routes.length > 0 ? routes.join(", ") : "nothing"}`,
    `  state    ${relative(process.env.INIT_CWD ?? ".", state) || "."}`,
    "",
    demo ? "Try it: the same line twice creates one order." : "Try it with a path of your API that the policy guards:",
    `  ${tryOut(gateway, demo)}`,
    "",
    "Ctrl-C stops it.",
  ];
  return lines.join("\n");
}

function tryOut({ url }, demo) {
  // Not the key of an earlier start: its answer is still in the state directory, and would be replayed.
  const key = `try-${Date.now().toString(36)}`;
  const request = `curl -i ${url}${demo ? "/v1/orders" : "/<path>"} -H 'Idempotency-Key: "${key}"' -H 'Content-Type: application/json'`;
  return `${request} -d '${demo ? '{"item":"tea","quantity":2}' : "{}"}'`;
}
