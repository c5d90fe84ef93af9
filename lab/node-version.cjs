// Loaded before all else, and imports nothing: an older Node.js cannot load the packages, and would say no more than a syntax
// error in one of them. "engines" in package.json has the same range.
/* global console, process */
const [major, minor] = process.version.slice(1).split(".").map(Number);
if (!(major > 22 || (major === 22 && minor >= 19))) {
  console.error(
    `Node.js ${process.version} cannot run this: it takes 22.19 or newer. On Linux on x64 \`npm ci\` brings one.`,
  );
  process.exit(1);
}
