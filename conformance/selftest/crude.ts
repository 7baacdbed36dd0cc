// Four servers that are wrong about nearly everything, each in another way. Every row of every contract must fail against one
// of them: a row that no wrong server can fail proves nothing.

import http from "node:http";
import type { AddressInfo } from "node:net";
import { pairs } from "../client.ts";
import type { HeaderLine } from "../client.ts";
import type { Contract } from "../contract.ts";

export const KINDS = ["passes everything on", "remembers by the key alone", "invents the headers", "meddles with everything"] as const;
export type Kind = (typeof KINDS)[number];

interface Message {
  status: number;
  headers: readonly HeaderLine[];
  body: Buffer;
}

/** Starts one of them; it forwards to `origin`. */
export async function startCrude(kind: Kind, contract: Contract, origin: string): Promise<{ target: URL; close(): void }> {
  const remembered = new Map<string, Message>();
  const answer = async (incoming: http.IncomingMessage, body: Buffer): Promise<Message> => {
    if (kind === "invents the headers") return withInventions(await forward(origin, incoming, body), contract);
    if (kind === "meddles with everything") {
      await forward(origin, incoming, Buffer.from(`${body.toString("utf8")}?`));
      const answered = await forward(origin, incoming, Buffer.from(`${body.toString("utf8")}?`));
      return { ...answered, headers: [], body: Buffer.from(`${answered.body.toString("utf8")}?`) };
    }
    // Any method, any caller, no key at all is a key, and so is what looks like one; whatever came first is the answer for ever.
    const key = String(incoming.headers[contract.key.header.toLowerCase()]).toLowerCase().replace(/^[a-z]+:/, "");
    const known = kind === "remembers by the key alone" ? remembered.get(key) : undefined;
    if (known !== undefined) return known;
    const answered = await forward(origin, incoming, body).catch((): Message => ({ status: 500, headers: [], body: Buffer.from("{}") }));
    remembered.set(key, answered);
    return answered;
  };
  const server = http.createServer(async (incoming, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(piece as Buffer);
    try {
      const { status, headers, body } = await answer(incoming, Buffer.concat(pieces));
      response.writeHead(status, headers.flat()).end(body);
    } catch {
      response.writeHead(502).end();
    }
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  return {
    target: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Headers that tell about the key, all of them wrong. */
function withInventions(message: Message, contract: Contract): Message {
  const { header, value } = contract.marker;
  const invented: HeaderLine[] = [
    [header, value],
    ["Idempotency-Status", "spent"],
    ["Idempotency-Expires", new Date(0).toUTCString()],
    ["Access-Control-Expose-Headers", "X-Other"],
  ];
  return { ...message, headers: [...message.headers, ...invented] };
}

function forward(origin: string, incoming: http.IncomingMessage, body: Buffer): Promise<Message> {
  const { promise, resolve, reject } = Promise.withResolvers<Message>();
  const lines = pairs(incoming.rawHeaders).filter(([name]) => !/^(host|connection|content-length|transfer-encoding)$/i.test(name));
  const headers = [["Host", new URL(origin).host], ...lines, ["Content-Length", String(body.length)], ["Connection", "close"]].flat();
  const outgoing = http.request(new URL(incoming.url ?? "/", origin), { method: incoming.method, headers, agent: false }, (answered) => {
    const pieces: Buffer[] = [];
    answered.on("data", (piece: Buffer) => pieces.push(piece));
    answered.on("error", reject);
    answered.on("end", () => {
      const kept = pairs(answered.rawHeaders).filter(([name]) => !/^(connection|keep-alive|content-length|transfer-encoding)$/i.test(name));
      resolve({ status: answered.statusCode ?? 502, headers: kept, body: Buffer.concat(pieces) });
    });
  });
  outgoing.on("error", reject);
  outgoing.end(body);
  return promise;
}
