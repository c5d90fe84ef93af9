import { execa } from "execa";

describe("imports", () => {
  it("go one way between rooms, without a circle (.dependency-cruiser.cjs)", async function () {
    this.timeout("2m");
    await execa("depcruise", ["stacks", "components", "cli", "lab", "docs", "bench"], { preferLocal: true });
  });
});
