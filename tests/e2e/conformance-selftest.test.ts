// The conformance suite against servers that are wrong: what it does not see there, it would not see in ours either.

import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { contracts } from "../../conformance/contracts/index.ts";
import { speechify } from "../../conformance/contracts/speechify.ts";
import { BadFlag, readFlags } from "../../conformance/flags.ts";
import { main } from "../../conformance/main.ts";
import { Origin } from "../../conformance/origin.ts";
import { KINDS, startCrude } from "../../conformance/selftest/crude.ts";
import { Server } from "../../conformance/selftest/server.ts";
import type { Fault } from "../../conformance/selftest/server.ts";
import { prepare, runAll, runRow, Unready } from "../../conformance/suite.ts";
import type { Result } from "../../conformance/suite.ts";
import { count, machine, table } from "../../conformance/table.ts";

let origin: Origin;
before(async () => {
  origin = await Origin.start(0);
});
after(() => origin?.close());

/** Speechify's rows against the small server that keeps it, but for these faults. */
async function run(faults: readonly Fault[], strict = true): Promise<Result[]> {
  const server = new Server(origin.url, speechify, ...faults);
  try {
    return await runAll({ contract: speechify, target: await server.start(), origin, strict });
  } finally {
    server.close();
  }
}

const idsOf = (results: readonly Result[]): string[] => results.map(({ row }) => row.id).sort();

test("a server that keeps the contract passes every row", async () => {
  const wrong = (await run([])).filter(({ verdict }) => verdict !== "pass");
  assert.deepEqual(wrong.map(({ row, ...rest }) => ({ id: row.id, ...rest })), []);
});

/** Each fault, and exactly the rows that tell of it. */
const TOLD: Record<Exclude<Fault, "answers a replay with 200">, readonly string[]> = {
  "calls the origin again when it does not answer": ["holds-broken-off", "holds-no-answer"],
  "calls the origin for every duplicate that comes while the first one runs": [
    "one-of-50", "running-hint-x-should-retry", "running-other-mismatch", "running-refused", "running-retry-after",
  ],
  "compares bodies byte by byte": ["equal-json"],
  "forgets the claim when the client leaves": ["lost-answer"],
  "forgets the marker": ["example-marks-replays"],
  "ignores the body": ["example-mismatch-printed", "example-mismatch-shape", "mismatch-body", "mismatch-hint-x-should-retry", "mismatch-leaves"],
  // The printed key stands in two rows; callers are all that keeps them apart.
  "ignores the credential": ["anonymous-apart", "example-key-curl", "other-caller"],
  "ignores the operation": ["mismatch-operation"],
  "keeps cookies": ["drops-headers"],
  "keeps server errors": ["releases-500", "releases-501", "releases-502", "releases-503", "releases-504"],
  "lets a forged marker through": ["forged-marker"],
  "loses headers": ["keeps-headers"],
  "reads bodies as text": ["binary"],
  "releases after client errors": ["stores-400", "stores-404", "stores-409", "stores-422"],
  "replays the first X-Request-ID": ["fresh-request-id"],
  "stores the conflict": ["mismatch-leaves"],
  "takes an empty key for none": ["key-refused-empty"],
  "takes any method": [
    "ignored-delete-v1-workspaces", "ignored-get-v1-agents-outbound-calls", "ignored-patch-v1-workspaces", "ignored-post-v1-audio-speech",
    "ignored-put-v1-workspaces",
  ],
  "takes keys of any length": ["key-refused-too-long"],
  "words errors in its own way": [
    "example-mismatch-printed", "example-mismatch-shape", "mismatch-body", "mismatch-leaves", "mismatch-operation", "one-of-50", "running-other-mismatch",
    "running-refused",
  ],
};

describe("one fault", { concurrency: 4 }, () => {
  for (const [fault, told] of Object.entries(TOLD) as [Fault, readonly string[]][]) {
    test(`a server that ${fault} is found out`, async () => {
      const failed = (await run([fault])).filter(({ verdict }) => verdict !== "pass");
      assert.deepEqual(idsOf(failed), [...told].sort());
    });
  }

  test("a server that answers a replay with 200 is found out by every row that replays", async () => {
    const failed = idsOf((await run(["answers a replay with 200"])).filter(({ verdict }) => verdict !== "pass"));
    for (const id of ["replays", "one-of-50", "stores-400", "no-body", "example-key-curl", "lost-answer"]) assert.ok(failed.includes(id), id);
    for (const id of ["first-answer", "mismatch-body", "key-missing-passes", "other-caller"]) assert.ok(!failed.includes(id), id);
  });
});

describe("every row can fail", { concurrency: 4 }, () => {
  for (const contract of contracts) {
    test(`every row of ${contract.name} fails against a server that is wrong`, async () => {
      let unfailed = contract.rows;
      for (const kind of KINDS) {
        // Where only the server that spoils every message is left, nothing but what arrives at either end is to be shown.
        if (kind === "meddles with everything") assert.deepEqual(unfailed.map(({ id }) => id), unfailed.some(({ id }) => id === "forwards") ? ["first-answer", "forwards"] : ["first-answer"]);
        const { target, close } = await startCrude(kind, contract, origin.url);
        const results = await Promise.all(unfailed.map((row) => runRow(row, { contract, target, origin, strict: true })));
        unfailed = results.filter(({ verdict }) => verdict !== "fail").map(({ row }) => row);
        close();
      }
      assert.deepEqual(unfailed.map(({ id }) => id), []);
    });
  }
});

test("rows have ids of their own, and the four documents have 25 rows at least", () => {
  for (const { name, rows } of contracts) {
    const ids = rows.map(({ id }) => id);
    assert.deepEqual(ids.filter((id, i) => ids.indexOf(id) !== i), [], name);
    assert.ok(rows.length >= (["semarize", "surveycoder", "redactr", "speechify"].includes(name) ? 25 : 10), `${name}: ${rows.length}`);
  }
});

test("what a document states fails, what it leaves open differs, and fails only when strict", async () => {
  const lax = await run(["compares bodies byte by byte", "keeps server errors"], false);
  assert.deepEqual(idsOf(lax.filter(({ verdict }) => verdict === "differs")), ["equal-json"]);
  assert.equal(count(lax).fail, 5);
  const strict = await run(["compares bodies byte by byte"], true);
  assert.deepEqual(idsOf(strict.filter(({ verdict }) => verdict === "fail")), ["equal-json"]);
});

test("the table says what was expected and what was seen, and counts; so does the JSON", async () => {
  const results = await run(["keeps server errors"]);
  const text = table(speechify, results, false);
  assert.match(text, /\nfail {9}a first response of 500 releases the claim {2}\[Retry behavior\]\n {13}expected the origin's answer with 201\n {13}seen {5}500 \{/);
  assert.match(text, /\nfail .*\n.*\n.*\npass/);
  assert.match(text, new RegExp(`\\n${results.length} rules: ${results.length - 5} pass, 5 fail, 0 differs, 0 not offered$`));
  const unguarded = table(speechify, results.map((each) => (each.row.id === "replays" ? { ...each, verdict: "fail" } : each)), false);
  assert.match(unguarded, /\nNot even a plain retry was recognised: does the server guard POST \/v1\/agents\/outbound-calls and .*, with the key in Idempotency-Key\?$/);
  const parsed = JSON.parse(machine(speechify, results)) as { counts: unknown; rules: { id: string; verdict: string; seen?: string }[] };
  assert.deepEqual(parsed.counts, { pass: results.length - 5, fail: 5, differs: 0, "not offered": 0 });
  assert.match(parsed.rules.find(({ id }) => id === "releases-500")?.seen ?? "", /^500 /);
});

/** A server that does what `handle` says; gives its URL to `use`. */
async function against(handle: http.RequestListener, use: (target: URL) => Promise<void>): Promise<void> {
  const server = http.createServer(handle);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  try {
    await use(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const unready = (pattern: RegExp) => (error: unknown) => error instanceof Unready && pattern.test(error.message);

test("a target that is not there, or does not forward, is said once and not row by row", async () => {
  const setting = (target: URL) => ({ contract: speechify, target, origin });
  let closed = new URL("http://127.0.0.1:1");
  await against(() => {}, async (target) => void (closed = target));
  await assert.rejects(prepare(setting(closed)), unready(/^nothing answers at --target \S+ \(ECONNREFUSED\): start the server first/));
  await against((_, response) => response.writeHead(404).end("no"), (target) =>
    assert.rejects(prepare(setting(target)), unready(/answered POST \/v1\/agents\/outbound-calls with 404 no, but no such request reached the origin: let it forward to http:/)));
  await against((_, response) => {
    http.request(`${origin.url}/v1/agents/outbound-calls`, { method: "POST" }, () => response.end()).end();
  }, (target) => assert.rejects(prepare(setting(target)), unready(/forwards requests without their X-Conformance header/)));
});

test("a flag that cannot be used is named, with what to give instead", () => {
  const good = ["--target", "http://127.0.0.1:8787", "--origin-port", "9900", "--contract", "ietf"];
  assert.equal(readFlags(good)?.contract.name, "ietf");
  assert.equal(readFlags(["--help"]), undefined);
  const bad: [string[], RegExp][] = [
    [[], /^--target is missing: give the server's URL/],
    [good.slice(0, 2), /^--origin-port is missing: give the port/],
    [good.slice(0, 4), /^--contract is missing: give one of semarize, /],
    [[...good, "--target", "ftp://x"], /^--target is 'ftp:\/\/x', which is no http or https URL/],
    [[...good, "--origin-port", "70000"], /^--origin-port is '70000': give a number from 1 to 65535/],
    [[...good, "--contract", "ieft"], /^--contract is 'ieft', which the suite does not know: give one of semarize, /],
    [[...good, "--jobs", "0"], /^--jobs is '0'/],
    [[...good, "--colour"], /^Unknown option '--colour': see `npm run conformance -- --help`/],
  ];
  for (const [args, message] of bad) assert.throws(() => readFlags(args), (error) => error instanceof BadFlag && message.test(error.message), String(args));
});

test("the command ends with 0, 1 or 2", async (context) => {
  const said = context.mock.method(console, "log", () => {});
  const complained = context.mock.method(console, "error", () => {});
  // The command listens itself, so the server needs to know where before it starts.
  const probe = await Origin.start(0);
  const { port, url } = probe;
  await probe?.close();
  const code = async (...faults: Fault[]): Promise<number> => {
    const server = new Server(url, speechify, ...faults);
    const target = await server.start();
    const result = await main(["--target", target.href, "--origin-port", String(port), "--contract", "speechify"]);
    server.close();
    return result;
  };
  assert.equal(await code(), 0);
  assert.match(String(said.mock.calls[0]?.arguments[0]), /\d+ rules: \d+ pass, 0 fail/);
  assert.equal(await code("compares bodies byte by byte"), 0);
  assert.equal(await code("keeps server errors"), 1);
  assert.equal(await main(["--help"]), 0);
  assert.equal(await main([]), 2);
  assert.equal(complained.mock.callCount(), 1);
  const held = await Origin.start(port);
  assert.equal(await code(), 2);
  await held?.close();
  assert.match(String(complained.mock.calls[1]?.arguments[0]), /^conformance: --origin-port \d+ can't be listened on \(EADDRINUSE\)/);
});
