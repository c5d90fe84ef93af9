// Tests load by esbuild, as the program does (docs/decisions/0005): in a third of the time.
const { transformSync } = require("esbuild");

exports.create = () => ({
  transpile(source, { fileName }) {
    const { code, map } = transformSync(source, {
      loader: "ts",
      format: "cjs",
      target: "node22",
      sourcefile: fileName,
      sourcemap: true,
    });
    return { outputText: code, sourceMapText: map };
  },
});

require("ts-node").register({ transpileOnly: true, transpiler: module.filename });
