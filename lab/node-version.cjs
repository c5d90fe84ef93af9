// Loaded before all else, and imports nothing: other versions of Node.js cannot require the packages that are ES modules, and
// would say no more than ERR_REQUIRE_ESM. "engines" in package.json has the same range.
/* global console, process */
const [major, minor] = process.version.slice(1).split(".").map(Number);
if (!(major === 20 ? minor >= 19 : major === 22 ? minor >= 12 : major > 22)) {
  console.error(
    `Node.js ${process.version} cannot run this: install 22.12 or newer, or 20.19 or a newer one of Node.js 20.`,
  );
  process.exit(1);
}
