// `npm run conformance`: the rules of a published contract against any server (docs/reference/conformance.md).

const { main } = await import("../conformance/main.ts");
// Not process.exit: a pipe may not have taken all of the table yet.
process.exitCode = await main(process.argv.slice(2));
