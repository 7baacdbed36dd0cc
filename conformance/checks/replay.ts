// What a retry gets, and that it runs nothing.

import { setTimeout as pause } from "node:timers/promises";
import type { HeaderLine } from "../client.ts";
import type { Check } from "../contract.ts";
import { json } from "../origin.ts";
import type { Script } from "../origin.ts";
import { describe, NotOffered, repeats, same, Unlike } from "../verdict.ts";
import { once } from "./key.ts";

/** The first request is executed, once, and its answer arrives as the origin gave it. */
export const firstAnswer = (status = 201): Check => ({
  id: "first-answer",
  async run(bench) {
    bench.origin.answers(json(status));
    const answer = await bench.send({ key: bench.key() });
    bench.isFirst(answer, status);
    same("the body", answer.text(), bench.origin.replies[0]?.body);
    bench.executed(1);
  },
});

/** The origin gets the request as the client sent it. */
export const forwards = (): Check => ({
  id: "forwards",
  async run(bench) {
    const { method, path, body = "" } = bench.contract.operation;
    await bench.send({ key: bench.key() });
    const [arrival] = bench.origin.arrivals;
    same("the request line at the origin", `${arrival?.method} ${arrival?.target}`, `${method} ${path}`);
    same("the body at the origin", arrival?.body, Buffer.from(body));
  },
});

/** Ten retries, one after the other, get the first answer byte by byte. */
export const replays = (status = 201): Check => ({
  id: "replays",
  async run(bench) {
    bench.origin.answers(json(status));
    const key = bench.key();
    const first = await bench.send({ key });
    bench.isFirst(first, status);
    for (let retry = 0; retry < 10; retry++) repeats(await bench.send({ key }), first);
    bench.executed(1);
  },
});

/** 50 requests at the same time: one is executed, every other one gets its answer or is refused as running. */
export const oneOf50 = (): Check => ({
  id: "one-of-50",
  async run(bench) {
    const key = bench.key();
    const { running } = bench.contract;
    let answered = 0;
    const almostAll = Promise.withResolvers<void>();
    bench.origin.hold();
    const requests = Array.from({ length: 50 }, async () => {
      const answer = await bench.send({ key });
      if (++answered === 49) almostAll.resolve();
      return answer;
    });
    // A server that keeps duplicates waiting answers none of them; then the origin goes on after a moment.
    await Promise.race([almostAll.promise, bench.origin.reached(2), Promise.all(requests), bench.origin.reached(1).then(() => pause(600))]);
    bench.origin.release();
    const answers = await Promise.all(requests);
    bench.executed(1);
    const [first, ...others] = answers.filter(({ status }) => status === 201);
    if (first === undefined) throw new Unlike("one of them to get the origin's answer", `none of ${answers.length}`);
    for (const other of others) repeats(other, first);
    for (const refused of answers.filter(({ status }) => status !== 201)) bench.isRefused(refused, running);
    repeats(await bench.send({ key }), first);
    bench.executed(1);
  },
});

/** The client goes away before the answer; its retry gets it all the same. */
export const lostAnswer = (): Check => ({
  id: "lost-answer",
  async run(bench) {
    const key = bench.key();
    const client = new AbortController();
    bench.origin.hold();
    const lost = bench.send({ key, signal: client.signal }).catch(() => undefined);
    await Promise.race([bench.origin.reached(1), lost]);
    client.abort();
    await lost;
    // The server shall have noticed before there is an answer: it could be about to drop it.
    await pause(200);
    bench.origin.release();
    const retry = await bench.settled({ key });
    bench.isFirst(retry);
    same("the body", retry.text(), bench.origin.replies[0]?.body);
    bench.executed(1);
  },
});

/** What changes from attempt to attempt without being part of the operation does not count. */
export const volatileHeaders = (): Check => ({
  id: "volatile-headers",
  run(bench) {
    const attempt = (n: string): HeaderLine[] => [
      ["User-Agent", `client/${n}`],
      ["X-Stainless-Retry-Count", n],
      ["traceparent", `00-${n.repeat(32)}-${n.repeat(16)}-01`],
      ["X-Request-ID", `request-${n}`],
    ];
    const key = bench.key();
    return once(bench, { key, headers: attempt("1") }, { key, headers: attempt("2") });
  },
});

const bytes: Script = (n) => ({ status: 200, headers: [["Content-Type", "application/octet-stream"]], body: Uint8Array.from({ length: 512 }, (_, i) => (i + n) % 256) });

/** Bytes that are no text survive, in both directions. */
export const binary = (): Check => ({
  id: "binary",
  async run(bench) {
    bench.origin.answers(bytes);
    const body = Uint8Array.from({ length: 512 }, (_, i) => (i * 7) % 256);
    const sent = { key: bench.key(), type: "application/octet-stream", body };
    const first = await bench.send(sent);
    bench.isFirst(first, 200);
    same("the body of the answer", first.body, Buffer.from(bytes(1).body ?? ""));
    same("the body at the origin", bench.origin.arrivals[0]?.body, Buffer.from(body));
    repeats(await bench.send(sent), first);
    bench.executed(1);
  },
});

/** An answer without a body stays one. */
export const noBody = (): Check => ({
  id: "no-body",
  async run(bench) {
    bench.origin.answers(() => ({ status: 204, headers: [["X-Made", "1"]] }), json(201));
    const key = bench.key();
    const first = await bench.send({ key });
    bench.isFirst(first, 204);
    repeats(await bench.send({ key }), first);
    bench.executed(1);
  },
});

/** What describes the result is replayed. */
export const keepsHeaders = (): Check => ({
  id: "keeps-headers",
  async run(bench) {
    const headers: HeaderLine[] = [["Location", "/v1/made/1"], ["ETag", '"abc"'], ["X-Made-By", "the origin"]];
    bench.origin.answers(json(201, headers));
    const key = bench.key();
    await bench.send({ key });
    const replay = await bench.send({ key });
    for (const [name, value] of [["Content-Type", "application/json"] as const, ...headers]) same(`${name} on the replay`, replay.header(name), value);
    bench.executed(1);
  },
});

/** What belongs to one exchange only is not. */
export const dropsHeaders = (): Check => ({
  id: "drops-headers",
  async run(bench) {
    const headers: HeaderLine[] = [["Set-Cookie", "session=1"], ["RateLimit", '"default";r=1;t=9']];
    bench.origin.answers(json(201, headers));
    const key = bench.key();
    const first = await bench.send({ key });
    for (const [name] of headers) if (first.header(name) === undefined) throw new Unlike(`${name} on the first answer`, "none");
    const replay = await bench.send({ key });
    repeats(replay, first);
    for (const [name] of headers) same(`${name} on the replay`, replay.header(name), undefined);
  },
});

/** A replay says that it is one. */
export const marksReplays = (): Check => ({
  id: "marks-replays",
  async run(bench) {
    const key = bench.key();
    await bench.send({ key });
    bench.isMarked(await bench.send({ key }));
  },
});

/** A first answer does not. */
export const marksNothingElse = (): Check => ({
  id: "marks-nothing-else",
  async run(bench) {
    const first = await bench.send({ key: bench.key() });
    bench.isFirst(first);
    bench.isUnmarked(first);
  },
});

/** Neither client nor origin can make a first answer look like a replay. */
export const forgedMarker = (): Check => ({
  id: "forged-marker",
  async run(bench) {
    const { header, value } = bench.contract.marker;
    bench.origin.answers(json(201, [[header, value]]));
    const first = await bench.send({ key: bench.key(), headers: [[header, value]] });
    bench.isFirst(first);
    bench.isUnmarked(first);
  },
});

/** `X-Request-ID` names one HTTP exchange, so a replay does not repeat the first one's. */
export const freshRequestId = (): Check => ({
  id: "fresh-request-id",
  async run(bench) {
    bench.origin.answers(json(201, [["X-Request-ID", "7f3a2c1b4d5e6f7a"]]));
    const key = bench.key();
    const first = await bench.send({ key });
    same("X-Request-ID of the first answer", first.header("X-Request-ID"), "7f3a2c1b4d5e6f7a");
    const replay = await bench.send({ key });
    repeats(replay, first);
    const id = replay.header("X-Request-ID");
    if (id === undefined || id === first.header("X-Request-ID")) throw new Unlike("an X-Request-ID of the replay's own", String(id));
  },
});

/** Every answer to a guarded request repeats the key. */
export const echoesKey = (): Check => ({
  id: "echoes-key",
  async run(bench) {
    const key = bench.key();
    const { header } = bench.contract.key;
    const first = await bench.send({ key });
    same(`${header} on the first answer`, first.header(header), key);
    const replay = await bench.send({ key });
    repeats(replay, first);
    same(`${header} on the replay`, replay.header(header), key);
  },
});

/** How long the answer is kept is told, as a date. */
export const expires = (seconds: number): Check => ({
  id: "expires",
  async run(bench) {
    const before = Date.now();
    const key = bench.key();
    const first = await bench.send({ key });
    const date = bench.offered(first, "Idempotency-Expires");
    const after = (Date.parse(date) - before) / 1000;
    // Dates of HTTP are whole seconds, and the two clocks may differ a little.
    if (!(Math.abs(after - seconds) <= 60)) throw new Unlike(`an expiry in ${seconds} s`, `${date}, in ${Math.round(after)} s`);
    same("Idempotency-Expires on the replay", (await bench.send({ key })).header("Idempotency-Expires"), date);
  },
});

/** Every answer says what became of it. */
export const signals = (): Check => ({
  id: "signals",
  async run(bench) {
    const key = bench.key();
    const first = await bench.send({ key });
    same("Idempotency-Status of the first answer", bench.offered(first, "Idempotency-Status"), "fresh");
    same("Idempotency-Status of the replay", bench.offered(await bench.send({ key }), "Idempotency-Status"), "replayed");
  },
});

/** A script of another site may read what the answer says about the key. */
export const exposes = (): Check => ({
  id: "exposes",
  async run(bench) {
    const { header } = bench.contract.marker;
    const origin: HeaderLine = ["Origin", "https://app.example"];
    bench.origin.answers(json(201, [["Access-Control-Allow-Origin", "https://app.example"]]));
    const key = bench.key();
    await bench.send({ key, headers: [origin] });
    const replay = await bench.send({ key, headers: [origin] });
    const exposed = replay.header("Access-Control-Expose-Headers")?.toLowerCase().split(/\s*,\s*/);
    if (exposed === undefined) throw new NotOffered(`no Access-Control-Expose-Headers on ${describe(replay)}`);
    for (const name of [header, "Retry-After"]) if (!exposed.includes(name.toLowerCase())) throw new Unlike(`${name} among the exposed headers`, exposed.join(", "));
  },
});
