// browser-results.mjs FILE: how many of the browser tests passed and failed, from Playwright's report.
// A test that passed when it was tried again has passed; an error outside of any test is a failure.

import { existsSync, readFileSync } from "node:fs";

const file = process.argv[2];
const { stats, errors } = existsSync(file)
  ? JSON.parse(readFileSync(file, "utf8"))
  : { stats: { expected: 0, flaky: 0, unexpected: 0 }, errors: [] };

console.log(stats.expected + stats.flaky, stats.unexpected + errors.length);
