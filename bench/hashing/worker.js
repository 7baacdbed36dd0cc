// Hashes as often as it is told and says how long it took: POST /?how=native|wasm|out&size=…&times=…. Its clock shows whole
// milliseconds, so `times` should make it many.

import { Body, initSync, native_from } from "./hashing.js";
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
    const ms = performance.now() - started;
    return Response.json({ ms, digest: new Uint8Array(digest).toHex(), nativeFrom: native_from() });
  },
};

/** All of them are awaited: whoever calls a hash that may be native has to. */
const hashers = {
  native: (bytes) => () => crypto.subtle.digest("SHA-256", bytes),
  wasm: (bytes) => {
    const body = new Body(bytes);
    return () => body.wasm();
  },
  out: (bytes) => {
    const body = new Body(bytes);
    return () => body.native();
  },
};
