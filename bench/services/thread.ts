// The thread of services.ts.

import { parentPort } from "node:worker_threads";
import { Kv } from "./kv.ts";
import { Origin } from "./origin.ts";
import type { Question } from "./services.ts";

const origin = await Origin.start();
const kv = await Kv.start();

parentPort?.on("message", (question: Question) => parentPort?.postMessage(answer(question)));
parentPort?.postMessage({ origin: origin.port, kv: kv.port });

function answer(question: Question): number {
  switch (question.ask) {
    case "held":
      return origin.held;
    case "release":
      origin.release();
      return 0;
    case "forget":
      kv.forget(question.namespace);
      return 0;
  }
}
