// The hops of Reprise and nothing else: a call to a shard before the origin and one after it, one row of SQL each, a copy in KV.
// No contracts, no outcome but 201, no lease, no expiry, nothing that is checked. What is left of a figure beyond this one's is
// what the protocol costs, and the way from JavaScript to Wasm.

import { DurableObject } from "cloudflare:workers";

const SHARDS = 8;
const DAY_S = 24 * 60 * 60;
const JSON_TYPE = { "Content-Type": "application/json" };

export default {
  async fetch(request, env, ctx) {
    const body = await request.arrayBuffer();
    const { headers, method, url } = request;
    const claim = await sha256(new TextEncoder().encode(`${headers.get("Authorization")}\n${headers.get("Idempotency-Key")}`));
    const fingerprint = await sha256(body);
    const attempt = crypto.getRandomValues(new Uint8Array(16));

    const shard = env.LEDGER.getByName(`v1/${claim[0] % SHARDS}`);
    const begun = await shard.begin(claim, fingerprint, attempt);
    if (begun === "mismatch") return new Response("{}", { status: 422, headers: JSON_TYPE });
    if (begun === "running") return new Response("{}", { status: 409, headers: JSON_TYPE });
    if (begun !== "execute") return new Response(begun, { status: 201, headers: { ...JSON_TYPE, "Idempotent-Replayed": "true" } });

    const { pathname, search } = new URL(url);
    const response = await fetch(env.ORIGIN + pathname + search, { method, headers, body, redirect: "manual" });
    const answer = await response.arrayBuffer();
    await shard.settle(claim, attempt, answer);
    ctx.waitUntil(env.RESPONSES.put(`r1/${claim.toHex()}`, answer, { expirationTtl: DAY_S }));
    return new Response(answer, response);
  },
};

export class Ledger extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS claims (slot INTEGER PRIMARY KEY, id BLOB, fingerprint BLOB, attempt BLOB, body BLOB)");
  }

  begin(claim, fingerprint, attempt) {
    const inserted = this.sql.exec("INSERT INTO claims VALUES (?, ?, ?, ?, NULL) ON CONFLICT (slot) DO NOTHING", slot(claim), claim, fingerprint, attempt);
    if (inserted.rowsWritten > 0) return "execute";
    const row = this.sql.exec("SELECT fingerprint, body FROM claims WHERE slot = ? AND id = ?", slot(claim), claim).one();
    if (new Uint8Array(row.fingerprint).toHex() !== fingerprint.toHex()) return "mismatch";
    return row.body ?? "running";
  }

  settle(claim, attempt, body) {
    this.sql.exec("UPDATE claims SET body = ? WHERE slot = ? AND id = ? AND attempt = ?", body, slot(claim), claim, attempt);
  }
}

/** 53 bits of the id. */
function slot(claim) {
  return Number(new DataView(claim.buffer).getBigUint64(8) >> 11n);
}

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
