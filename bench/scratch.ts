// A directory that goes with its block: `using scratch = new Scratch()`.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Those that are there. None outlives the bench, however that ends: some hold gigabytes. */
const there = new Set<Scratch>();
process.once("exit", () => there.forEach((scratch) => scratch[Symbol.dispose]()));

export class Scratch implements Disposable {
  readonly path: string;

  /** A new directory below `parent`. */
  constructor(parent = tmpdir()) {
    this.path = mkdtempSync(path.join(parent, "reprise-bench-"));
    there.add(this);
  }

  /** A directory in it that is there no other time. */
  directory(): string {
    return mkdtempSync(path.join(this.path, "objects-"));
  }

  [Symbol.dispose](): void {
    there.delete(this);
    rmSync(this.path, { recursive: true, force: true });
  }
}
