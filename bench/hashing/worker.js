// Hashes as often as it is told and says how long it took: POST /?how=native|wasm|inside&size=…&times=…. Its clock shows whole
// milliseconds, so `times` should make it many.

import { Body, initSync, sha256 } from "./hashing.js";
import module from "./hashing_bg.wasm";

initSync({ module });

export default {
  async fetch(request) {
    const query = new URL(request.url).searchParams;
    const bytes = new Uint8Array(Number(query.get("size"))).map((_, index) => index);
    const hash = hashers[query.get("how")](bytes);
    const times = Number(query.get("times"));
    let digest;
    const started = performance.now();
    for (let n = 0; n < times; n++) digest = await hash();
    return Response.json({ ms: performance.now() - started, digest: new Uint8Array(digest).toHex() });
  },
};

/** All of them are awaited: whoever calls a hash that may be native has to. */
const hashers = {
  native: (bytes) => () => crypto.subtle.digest("SHA-256", bytes),
  wasm: (bytes) => () => sha256(bytes),
  inside: (bytes) => {
    const body = new Body(bytes);
    return () => body.sha256();
  },
};
