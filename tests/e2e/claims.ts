// The claims behind the answers, for gateways with `inspect: true`: which row a request made, and moving its times.

import assert from "node:assert/strict";
import type { Gateway, Row } from "./gateway.ts";

/** `claims.state` (src/edge/ledger.rs). */
export const RUNNING = 1;
export const DONE = 2;
export const UNKNOWN = 3;

const hex = (row: Row): string => Buffer.from(row["id"] as ArrayBuffer).toString("hex");

/** The one claim that is there after `run` and was not before. */
export async function claimMadeBy(gateway: Gateway, run: () => Promise<unknown>): Promise<Row> {
  const before = new Set((await gateway.claims()).map(hex));
  await run();
  const [made, ...more] = (await gateway.claims()).filter((row) => !before.has(hex(row)));
  assert.ok(made !== undefined && more.length === 0, `one claim was made, not ${made === undefined ? 0 : more.length + 1}`);
  return made;
}

/** The same claim as it is now; `undefined` once it is gone. */
export async function claimNow(gateway: Gateway, claim: Row): Promise<Row | undefined> {
  return (await gateway.claims()).find((row) => hex(row) === hex(claim));
}

/** Changes one column of one claim, behind the gateway's back. */
export async function changeClaim(gateway: Gateway, claim: Row, column: "lease_until" | "expires_at" | "refuse_ms" | "record", value: number | Uint8Array | null): Promise<void> {
  const given = typeof value === "number" || value === null ? value : new Uint8Array(value).buffer;
  const change = (table: string): Promise<Row[]> => gateway.ledgerSql(`UPDATE ${table} SET ${column} = ? WHERE id = ? RETURNING state`, given, claim["id"] ?? null);
  const changed = [...(await change("claims")), ...(await change("displaced"))];
  assert.equal(changed.length, 1, "exactly one claim was changed");
}
