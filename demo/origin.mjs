// A small orders API to put the gateway in front of. It counts what it executes, and fails on demand:
//   POST /v1/orders?delay_ms=2000      answers late
//   POST /v1/orders?status=503         executes, then answers with that status
//   POST /v1/orders?break=before       executes, then drops the connection: before the answer,
//                        headers|body  after its headers, or in the middle of its body
// Faults are in the query so that the body, and with it the request's fingerprint, can stay the same.
// Run it by itself: node demo/origin.mjs [port]

import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const MAX_BODY_BYTES = 1024 * 1024;
const BREAKS = ["before", "headers", "body"];
const BODILESS = [204, 205, 304];

/**
 * Starts the API on 127.0.0.1; port 0 is any free one.
 * @param {{ port?: number }} [options]
 * @returns {Promise<{ url: string, port: number, close: () => Promise<void> }>}
 */
export async function startDemoOrigin({ port = 0 } = {}) {
  const shop = { executions: 0, orders: new Map() };
  const server = createServer((request, response) => {
    answer(shop, request, response).catch((error) => {
      if (response.headersSent) response.destroy();
      else sendJson(response, error.status ?? 500, { error: error.message });
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function answer(shop, request, response) {
  const url = new URL(request.url, "http://origin");
  const order = url.pathname.match(/^\/v1\/orders\/([^/]+)$/)?.[1];
  switch (`${request.method} ${order ? "/v1/orders/:id" : url.pathname}`) {
    case "POST /v1/orders":
      return createOrder(shop, url.searchParams, await readJson(request), response);
    case "GET /v1/orders":
      return sendJson(response, 200, { orders: [...shop.orders.values()] });
    case "GET /v1/orders/:id":
      if (!shop.orders.has(order)) throw new Refused(404, `there is no order ${order}`);
      return sendJson(response, 200, shop.orders.get(order));
    case "GET /_demo/executions":
      return sendJson(response, 200, { executions: shop.executions, orders: [...shop.orders.values()] });
    case "POST /_demo/reset":
      shop.executions = 0;
      shop.orders.clear();
      return sendJson(response, 200, { executions: 0, orders: [] });
    default:
      throw new Refused(404, `there is no ${request.method} ${url.pathname}`);
  }
}

async function createOrder(shop, faults, fields, response) {
  const { delay, status, broken } = readFaults(faults);
  shop.executions += 1;
  const execution = shop.executions;
  await sleep(delay);
  if (status >= 400) return sendJson(response, status, { error: `asked to answer with ${status}`, execution });

  const id = `ord_${execution}${Math.random().toString(36).slice(2, 8)}`;
  const order = { ...fields, id, created_at: new Date().toISOString() };
  shop.orders.set(id, order);
  if (broken === "before") return response.destroy();

  const location = `/v1/orders/${id}`;
  if (BODILESS.includes(status)) return response.writeHead(status, { location }).end();
  const body = Buffer.from(JSON.stringify(order));
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length, location });
  if (!broken) return response.end(body);
  response.flushHeaders();
  if (broken === "body") response.write(body.subarray(0, body.length >> 1));
  // Long enough for what was written to arrive before the connection is gone.
  await sleep(50);
  response.destroy();
}

function readFaults(query) {
  const delay = Number(query.get("delay_ms") ?? 0);
  const status = Number(query.get("status") ?? 201);
  const broken = query.get("break");
  if (!(delay >= 0 && delay <= 600_000)) throw new Refused(400, "delay_ms must be 0 to 600000");
  if (!(Number.isInteger(status) && status >= 200 && status <= 599)) throw new Refused(400, "status must be 200 to 599");
  if (broken !== null && !BREAKS.includes(broken)) throw new Refused(400, `break must be one of ${BREAKS.join(", ")}`);
  return { delay, status, broken };
}

async function readJson(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Refused(413, "the body is over 1 MiB");
    chunks.push(chunk);
  }
  let fields;
  try {
    fields = JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Refused(400, "the body is not JSON");
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    throw new Refused(400, "the body must be a JSON object");
  }
  return fields;
}

function sendJson(response, status, value) {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length }).end(body);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { url } = await startDemoOrigin({ port: Number(process.argv[2] ?? 9900) });
  console.log(`The demo origin listens on ${url}`);
}
