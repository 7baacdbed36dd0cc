// A reporter for `node --test` that says only how many tests passed and failed, as JSON.

export default async function* count(events) {
  for await (const { type, data } of events) {
    // Each file has a summary, too; the one of the whole run names none.
    if (type !== "test:summary" || data.file !== undefined) continue;
    const { passed, failed, cancelled } = data.counts;
    yield JSON.stringify({ passed, failed: failed + cancelled });
  }
}
