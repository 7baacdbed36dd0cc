// The requests of the bench: an API call as clients send it, whose key can be replaced in its place.

import { order } from "./services/order.ts";

const KEY_LENGTH = 20;

let keys = 0;

/** A key that nobody has used. */
export function freshKey(): string {
  return String((keys += 1)).padStart(KEY_LENGTH, "0");
}

export interface Shape {
  /** Bytes of the body. */
  readonly body: number;
  /** Default: one that is guarded. */
  readonly path?: string;
  /** Another body of the same size. */
  readonly other?: boolean;
  /** The origin keeps it until it is released. */
  readonly hold?: boolean;
}

/** One request, made once and sent many times. */
export class Template {
  readonly #bytes: Buffer;
  readonly #keyAt: number;

  constructor({ body, path = "/v1/orders", other = false, hold = false }: Shape) {
    const lines = [
      `POST ${path} HTTP/1.1`,
      "Host: api.example.com",
      "User-Agent: bench/1.0",
      "Accept: application/json",
      "Authorization: Bearer 7bJ2hQv0m3d1Xr9sT5uE8wYz",
      "Content-Type: application/json",
      `Content-Length: ${body}`,
      ...(hold ? ["X-Hold: 1"] : []),
      `Idempotency-Key: ${"0".repeat(KEY_LENGTH)}`,
    ];
    const head = `${lines.join("\r\n")}\r\n\r\n`;
    this.#bytes = Buffer.concat([Buffer.from(head), content(body, other)]);
    this.#keyAt = head.length - 4 - KEY_LENGTH;
  }

  /** The request with this key. It is the same memory each time. */
  with(key: string): Buffer {
    this.#bytes.write(key, this.#keyAt, KEY_LENGTH, "latin1");
    return this.#bytes;
  }
}

/** The other body differs in one value. */
function content(bytes: number, other: boolean): Buffer {
  const text = order(bytes).toString();
  return Buffer.from(other ? text.replace("cus_9f2c41", "cus_9f2c42") : text);
}
