// Workers KV for a raw workerd, which speaks HTTP to it: GET, PUT and DELETE of /KEY, with `expiration_ttl` in the query and
// metadata in a header (workerd's src/workerd/api/kv.c++). All namespaces share one server; the configuration puts the name of
// the namespace into each request.

import http from "node:http";
import type { AddressInfo } from "node:net";

const METADATA = "CF-KV-Metadata";

interface Value {
  readonly bytes: Buffer;
  readonly metadata: string | undefined;
  readonly expires: number;
}

export class Kv {
  readonly #server = http.createServer((request, response) => this.#take(request, response));
  readonly #namespaces = new Map<string, Map<string, Value>>();

  static async start(): Promise<Kv> {
    const kv = new Kv();
    await new Promise<void>((resolve) => kv.#server.listen(0, "127.0.0.1", resolve));
    return kv;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Drops what `namespace` has: fresh keys of a whole run would fill the memory, and nobody reads them again. */
  forget(namespace: string): void {
    this.#namespaces.delete(namespace);
  }

  #take(request: http.IncomingMessage, response: http.ServerResponse): void {
    const [path = "", query] = (request.url ?? "").split("?");
    const values = this.#namespace(String(request.headers["x-namespace"]));
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      switch (request.method) {
        case "GET":
          return answer(response, this.#live(values, path));
        case "PUT":
          values.set(path, { bytes: Buffer.concat(pieces), metadata: metadata(request), expires: Date.now() + ttlMs(query) });
          return void response.writeHead(200, { "Content-Length": 0 }).end();
        case "DELETE":
          values.delete(path);
          return void response.writeHead(200, { "Content-Length": 0 }).end();
        default:
          response.writeHead(405).end();
      }
    });
  }

  #namespace(name: string): Map<string, Value> {
    const values = this.#namespaces.get(name) ?? new Map<string, Value>();
    this.#namespaces.set(name, values);
    return values;
  }

  #live(values: Map<string, Value>, path: string): Value | undefined {
    const value = values.get(path);
    return value !== undefined && value.expires > Date.now() ? value : undefined;
  }
}

function ttlMs(query: string | undefined): number {
  const seconds = new URLSearchParams(query).get("expiration_ttl");
  return seconds === null ? Infinity : Number(seconds) * 1000;
}

function metadata(request: http.IncomingMessage): string | undefined {
  const value = request.headers[METADATA.toLowerCase()];
  return value === undefined ? undefined : String(value);
}

function answer(response: http.ServerResponse, value: Value | undefined): void {
  if (value === undefined) return void response.writeHead(404, { "Content-Length": 0 }).end();
  response.writeHead(200, { "Content-Length": value.bytes.length, ...(value.metadata === undefined ? {} : { [METADATA]: value.metadata }) });
  response.end(value.bytes);
}
