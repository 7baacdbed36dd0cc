// Every rule of every contract (conformance/), against a gateway that guards what the contract's document lists, under the
// contract of that name and nothing else. The rows are read from the documents, the contracts too, by others: where the two
// readings differ, a test fails.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Contract } from "../../conformance/contract.ts";
import { contracts } from "../../conformance/contracts/index.ts";
import { Origin } from "../../conformance/origin.ts";
import { prepare, runRow } from "../../conformance/suite.ts";
import type { Setting } from "../../conformance/suite.ts";
import { startGateway } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { policy } from "./policy.ts";

// Rows keep apart by themselves, so they run side by side. A duplicate that waits is asked not to by its row (`Prefer: wait=0`),
// except where waiting is the rule: then the origin ends the wait.
const ROWS_AT_A_TIME = 8;

interface Bed {
  readonly setting: Setting;
  readonly gateway: Gateway;
}

async function setUp(contract: Contract): Promise<Bed> {
  const origin = await Origin.start(0);
  const routes = contract.guards.map((match) => ({ match, contract: contract.name }));
  const gateway = await startGateway({ policy: policy(origin.url, ...routes) });
  const setting = { contract, target: new URL(gateway.url), origin, strict: true };
  const bed = { setting, gateway };
  try {
    await prepare(setting);
    return bed;
  } catch (error) {
    await tearDown(bed); // Or the file would never end.
    throw error;
  }
}

async function tearDown({ setting, gateway }: Bed): Promise<void> {
  await gateway?.close();
  await setting.origin.close();
}

test("every contract of the gateway has its rows", () => {
  const files = readdirSync(new URL("../../contracts/", import.meta.url)).map((file) => file.replace(/\.toml$/, ""));
  assert.deepEqual(contracts.map(({ name }) => name).sort(), files.sort());
});

for (const contract of contracts) {
  describe(`contract ${contract.name}`, { concurrency: ROWS_AT_A_TIME }, () => {
    let bed: Bed;
    before(async () => {
      bed = await setUp(contract);
    });
    after(() => tearDown(bed));
    for (const row of contract.rows) {
      test(`${contract.name}: ${row.rule} (${row.id})`, async () => {
        const { verdict, expected, seen } = await runRow(row, bed.setting);
        assert.equal(verdict, "pass", `expected ${expected}; seen ${seen}`);
      });
    }
  });
}
