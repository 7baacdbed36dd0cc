// Idempotency as one would write it today: a Durable Object for each key makes sure that one request at a time runs, WebCrypto
// tells requests apart, and KV is read first, because most retries find their answer there without waking an object.

import { DurableObject } from "cloudflare:workers";

const DAY_S = 24 * 60 * 60;
const METHODS = ["POST", "PATCH"];
/** An attempt that has not ended by then is lost, and nobody knows what it did. */
const LEASE_MS = 90_000;
/** Not of the answer, but of the connection or of the moment. */
const NOT_STORED = ["connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "date", "set-cookie"];

export default {
  async fetch(request, env) {
    const key = request.headers.get("Idempotency-Key");
    if (key === null || !METHODS.includes(request.method)) return fetch(toOrigin(request.url, env), request);
    if (key.length < 1 || key.length > 255) return problem(400, "key-malformed");

    const body = await request.arrayBuffer();
    const name = await sha256(new TextEncoder().encode(`${request.headers.get("Authorization")}\n${key}`));
    const fingerprint = [request.method, toOrigin(request.url, env), request.headers.get("Content-Type"), await sha256(body)].join(" ");

    const copy = await env.RESPONSES.getWithMetadata(name, "arrayBuffer");
    if (copy.value !== null) return retry({ ...copy.metadata, body: copy.value }, fingerprint);

    const forwarded = new Request(request.url, { method: request.method, headers: request.headers, body });
    forwarded.headers.set("X-Fingerprint", fingerprint);
    forwarded.headers.set("X-Name", name);
    return env.KEYS.get(env.KEYS.idFromName(name)).fetch(forwarded);
  },
};

/** One key of one caller. */
export class Key extends DurableObject {
  async fetch(request) {
    const fingerprint = request.headers.get("X-Fingerprint");
    const name = request.headers.get("X-Name");

    // No other request comes in between this read and this write: the object waits for its storage (input gate).
    const entry = await this.ctx.storage.get("entry");
    if (entry !== undefined) return retry(entry, fingerprint);
    const expires = Date.now() + DAY_S * 1000;
    await this.ctx.storage.put("entry", { fingerprint, since: Date.now() });
    await this.ctx.storage.setAlarm(expires);

    const headers = new Headers(request.headers);
    headers.delete("X-Fingerprint");
    headers.delete("X-Name");
    const init = { method: request.method, headers, body: await request.arrayBuffer(), redirect: "manual" };
    const response = await fetch(toOrigin(request.url, this.env), init);

    const done = { fingerprint, status: response.status, headers: kept(response.headers), body: await response.arrayBuffer() };
    await this.ctx.storage.put("entry", done);
    const { body, ...metadata } = done;
    this.ctx.waitUntil(this.env.RESPONSES.put(name, body, { metadata, expirationTtl: DAY_S }));
    return new Response(body, response);
  }

  async alarm() {
    await this.ctx.storage.deleteAll();
  }
}

/** What a retry is told about `entry`. */
function retry(entry, fingerprint) {
  if (entry.fingerprint !== fingerprint) return problem(422, "key-reused");
  if (entry.status === undefined) return problem(409, Date.now() - entry.since < LEASE_MS ? "request-in-progress" : "outcome-unknown");
  return new Response(entry.body, { status: entry.status, headers: [...entry.headers, ["Idempotent-Replayed", "true"]] });
}

function kept(headers) {
  return [...headers].filter(([name]) => !NOT_STORED.includes(name));
}

function toOrigin(url, env) {
  const { pathname, search } = new URL(url);
  return env.ORIGIN + pathname + search;
}

function problem(status, code) {
  return Response.json({ code }, { status, headers: { "Content-Type": "application/problem+json" } });
}

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
