// Reads YAML from standard input and writes it to standard output as JSON, for the
// tests of what is written in it. What is no YAML, or names a key twice, is refused.

import { readFileSync } from "node:fs";
import { load } from "js-yaml";

process.stdout.write(JSON.stringify(load(readFileSync(0, "utf8"))));
