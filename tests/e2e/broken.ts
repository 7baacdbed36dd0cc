// A gateway that looks right to one polite client and is wrong: for tests that want to see the torture find it.

import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Subject } from "../../torture/run.ts";

/** What is wrong with it. */
export interface Faults {
  /** Two requests at the same time both find the key free. */
  races?: boolean;
  /** What was done is gone after a restart. */
  forgets?: boolean;
}

interface Stored {
  readonly print: string;
  answer: { status: number; headers: Record<string, string>; body: Buffer } | undefined;
}

export async function startBroken(origin: string, faults: Faults, kept: Map<string, Stored> = new Map()): Promise<Subject> {
  const server = http.createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });

  async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces);
    const print = String((JSON.parse(body.toString()) as { print: string }).print);
    const claim = JSON.stringify([request.headers.authorization, request.headers["idempotency-key"]]);
    const before = kept.get(claim);
    if (before !== undefined && before.print !== print) return refuse(response, 422, "mismatch", "key-reused");
    if (before?.answer !== undefined) return give(response, before.answer, "replayed");
    if (before !== undefined && faults.races !== true) return refuse(response, 409, "running", "request-in-progress");
    const mine: Stored = { print, answer: undefined };
    kept.set(claim, mine);
    const { status, headers, answered } = await forward(request, body);
    const seen = { status, headers, body: answered };
    if ([429, 503].includes(status)) kept.delete(claim);
    else mine.answer = seen;
    give(response, seen, "fresh");
  }

  async function forward(request: http.IncomingMessage, body: Buffer): Promise<{ status: number; headers: Record<string, string>; answered: Buffer }> {
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !["host", "connection", "content-length"].includes(name)));
    const answer = await fetch(`${origin}${request.url}`, { method: "POST", headers: headers as Record<string, string>, body: new Uint8Array(body), redirect: "manual" });
    const names = ["content-type", "location", "x-torture-run"];
    const given = names.flatMap((name) => { const value = answer.headers.get(name); return value === null ? [] : [[name, value] as const]; });
    return { status: answer.status, headers: Object.fromEntries(given), answered: Buffer.from(await answer.arrayBuffer()) };
  }

  function give(response: http.ServerResponse, { status, headers, body }: NonNullable<Stored["answer"]>, said: string): void {
    response.writeHead(status, { ...headers, "Idempotency-Status": said }).end(body);
  }

  function refuse(response: http.ServerResponse, status: number, said: string, code: string): void {
    response.writeHead(status, { "Content-Type": "application/problem+json", "Idempotency-Status": said }).end(JSON.stringify({ code }));
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    kill: close,
    restart: () => startBroken(origin, faults, faults.forgets === true ? new Map() : kept),
    close,
  };
}
