// The file of one shard: where workerd keeps it, and how it gets millions of rows in a minute.

import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { uniqueKey } from "../runtime/capnp.ts";

/** Rows of one transaction. Within it they come in the order of their slots; from one to the next, they split each other's pages. */
const BATCH = 1_000_000;

export interface Filling {
  /** Claims in the shard afterwards. */
  readonly claims: number;
  /** How many of those that are added have expired, 0 to 1. */
  readonly expired: number;
}

/**
 * Multiplies the one claim that a first request has made, under random ids. A claim that is alive ends in a day, one that has
 * expired has done so an hour ago. workerd must not run.
 */
export function fill(directory: string, { claims, expired }: Filling): void {
  const database = new DatabaseSync(file(directory));
  try {
    // Nobody minds if it is lost on the way; the runtime finds its log again in the end.
    database.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000");
    const of: Record<string, string> = {
      slot: "n.slot",
      // The slot is 53 bits of the id (rule 5.29).
      id: "unhex(hex(randomblob(8)) || printf('%016x', n.slot << 11) || hex(randomblob(16)))",
      expires_at: `CASE WHEN abs(random() % 1000) < ${Math.round(expired * 1000)} THEN ${Date.now() - 3_600_000} ELSE ${Date.now() + 86_400_000} END`,
    };
    const columns = database.prepare("SELECT name FROM pragma_table_info('claims')").all().map(({ name }) => String(name));
    const values = columns.map((name) => of[name] ?? `t.${name}`);
    const insert = (count: number): string => `
      WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${count})
      INSERT INTO claims (${columns.join(", ")})
      SELECT ${values.join(", ")} FROM (SELECT random() & ((1 << 53) - 1) AS slot FROM c ORDER BY slot) AS n, (SELECT * FROM claims LIMIT 1) AS t
      WHERE true ON CONFLICT (slot) DO NOTHING`;
    for (let left = claims - count(database); left > 0; left -= BATCH) database.exec(insert(Math.min(left, BATCH)));
    database.exec("PRAGMA journal_mode = WAL");
  } finally {
    database.close();
  }
}

/** Bytes. */
export function sizeOf(directory: string): number {
  return statSync(file(directory)).size;
}

/** The only object: its policy has one shard. (The runtime keeps the times of alarms in a file beside it.) */
function file(directory: string): string {
  const objects = path.join(directory, uniqueKey("Ledger"));
  const found = readdirSync(objects).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name));
  if (found[0] === undefined || found.length > 1) throw new Error(`${objects} has ${found.length} objects, instead of one`);
  return path.join(objects, found[0]);
}

function count(database: DatabaseSync): number {
  return Number(database.prepare("SELECT count(*) AS n FROM claims").get()?.["n"]);
}
