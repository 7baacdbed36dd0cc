// The API behind every subject: it answers 201 with as many bytes of JSON as it was sent. A request with `X-Hold` is answered
// only at `release`: its key stays in use until then.

import http from "node:http";
import type { AddressInfo } from "node:net";
import { order } from "./order.ts";

export class Origin {
  readonly #server = http.createServer((request, response) => this.#take(request, response));
  readonly #answers = new Map<number, Buffer>();
  readonly #held: (() => void)[] = [];

  static async start(): Promise<Origin> {
    const origin = new Origin();
    await new Promise<void>((resolve) => origin.#server.listen(0, "127.0.0.1", resolve));
    return origin;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many requests are held. */
  get held(): number {
    return this.#held.length;
  }

  release(): void {
    for (const answer of this.#held.splice(0)) answer();
  }

  #take(request: http.IncomingMessage, response: http.ServerResponse): void {
    let length = 0;
    request.on("data", (chunk: Buffer) => (length += chunk.length));
    request.on("end", () => {
      const answer = (): void => this.#answer(response, length);
      if (request.headers["x-hold"] === undefined) answer();
      else this.#held.push(answer);
    });
  }

  #answer(response: http.ServerResponse, length: number): void {
    const body = this.#answers.get(length) ?? order(length);
    this.#answers.set(length, body);
    response.writeHead(201, {
      "Content-Type": "application/json",
      "Content-Length": body.length,
      Location: "/v1/orders/ord_1imgvqn",
      "X-Request-ID": "8d3c1f0e6a524f7b",
      "Cache-Control": "no-store",
    });
    response.end(body);
  }
}
