import { execa } from "execa";
import path from "node:path";
import { Toolchain } from "../../lab/toolchain";

describe("workflows", () => {
  it("are as GitHub reads them (actionlint)", async () => {
    const actionlint = await (await Toolchain.find()).program("actionlint");
    await execa(actionlint, ["-no-color"], { cwd: path.resolve(__dirname, "../..") });
  });
});
