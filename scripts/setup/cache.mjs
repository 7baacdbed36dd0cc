// Toolchain and tools take minutes to make, so every clone of this user shares them.

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { step } from "../progress.mjs";

const root = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "reprise");

/**
 * The directory of the cache called `name`, made by `make(directory)` if it isn't there.
 * It appears whole or not at all: what an interrupted run leaves is never taken for good.
 */
export async function cached(name, label, make) {
  const directory = cachePath(name);
  if (existsSync(directory)) return directory;
  mkdirSync(dirname(directory), { recursive: true });
  const draft = mkdtempSync(`${directory}.draft-`);
  try {
    await step(label, () => make(draft));
    renameSync(draft, directory);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Another run finished the same work first: its result is as good.
    if (!existsSync(directory)) throw error;
  }
  return directory;
}

/** Where `cached` puts what is called `name`. */
export function cachePath(name) {
  return join(root, name);
}
