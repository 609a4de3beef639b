#!/usr/bin/env node
// The Solidity compiler for tools that expect a native `solc` executable.
//
// npm's `solc` package is the real compiler, built as WebAssembly. This script gives it the part of the
// command line that py-solc-x, ape, forge and slither use:
//
//   solc --version                                 prints "Version: 0.8.30+commit..."
//   solc --standard-json [--base-path DIR] [--include-path DIR ...]
//                                                  reads standard JSON on stdin, writes standard JSON on stdout
//
// Imports that the input does not carry are read below the base path, then below each include path, then below this
// project's root: ape compiles a copy of the contracts in a temporary folder, where there is no node_modules.
// Every other option is accepted and ignored: the settings are in the standard JSON.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const solc = require("solc");

const args = process.argv.slice(2);

/** All values given for an option, written as `--name value` or `--name=value`. */
function values(name) {
  const found = [];
  args.forEach((arg, i) => {
    if (arg === name && i + 1 < args.length) found.push(args[i + 1]);
    else if (arg.startsWith(`${name}=`)) found.push(arg.slice(name.length + 1));
  });
  return found;
}

function importer(roots) {
  return (name) => {
    for (const root of roots) {
      const file = path.resolve(root, name);
      if (fs.existsSync(file)) return { contents: fs.readFileSync(file, "utf8") };
    }
    return { error: `File not found: ${name} (looked below ${roots.join(", ")})` };
  };
}

if (args.includes("--version")) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else {
  const roots = [...values("--base-path"), ...values("--include-path"), path.resolve(__dirname, "../..")];
  const input = fs.readFileSync(0, "utf8");
  const output = solc.compile(input, { import: importer(roots) });
  fs.writeSync(1, output);
}
