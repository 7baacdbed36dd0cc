// What the scripts say while they work, and how they end when they can't go on.

/** A failure the user can act on: its message is all they need, so no stack is shown. */
export class Failure extends Error {}

/** Runs `work` under a progress line, and says how long it took. */
export async function step(label, work) {
  const started = performance.now();
  console.log(`${label} …`);
  const result = await work();
  console.log(`  done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}

/** Runs a script's `main`; a `Failure` ends the process with its message and exit code 1. */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Failure ? `reprise: ${error.message}` : error);
    process.exit(1);
  }
}
