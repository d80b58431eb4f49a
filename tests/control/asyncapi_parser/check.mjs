// Prints, for each file, the faults that the official parser finds: errors and warnings, as JSON.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const WARNING = 1; // 0 is an error; 2 and 3 are remarks
const parser = new Parser();
const found = {};
for (const file of process.argv.slice(2)) {
  const { document, diagnostics } = await parser.parse(await readFile(file, "utf8"));
  const faults = diagnostics.filter(({ severity }) => severity <= WARNING);
  found[file] = {
    channels: document ? document.allChannels().all().map((channel) => channel.address()) : null,
    faults: faults.map(({ code, message, path }) => `${code}: ${path.join(".")}: ${message}`),
  };
}
console.log(JSON.stringify(found));
