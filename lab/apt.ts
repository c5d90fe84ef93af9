import path from "node:path";
import { run } from "./command";
import { Fault } from "./fault";
import type { Report } from "./steps";

/** The Debian whose packages the lab uses. */
export const debian = "bookworm";

function apt(...args: string[]): Promise<string> {
  const options = ["-qq", "-o", "DPkg::Lock::Timeout=300"];
  // Not interruptible: an interrupted dpkg leaves the machine's package system in need of repair.
  return run(["bash", path.join(__dirname, "apt-get.sh"), "/usr/sbin/policy-rc.d", ...options, ...args], {
    where: "kept",
    env: { DEBIAN_FRONTEND: "noninteractive" },
    log: "packages",
  });
}

/** Installs the OS packages that are missing; fetches new package lists only if the present ones are not enough. */
export async function installPackages(names: readonly string[], report: Report): Promise<void> {
  if (names.length === 0) return;
  const install = (): Promise<string> => apt("install", "--yes", "--no-install-recommends", ...names);
  report(`installing ${names.join(", ")}`);
  try {
    await install();
  } catch {
    report("fetching package lists");
    await apt("update");
    await install();
  }
}

/** The Debian mirror that this machine's own apt uses. */
export async function debianMirror(report: Report): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    const format = "$(ORIGIN) $(CODENAME) $(REPO_URI)";
    return mirrorOf(await run(["apt-get", "indextargets", "--format", format, "Created-By: Packages"]));
  };
  let mirror = await find();
  if (mirror === undefined) {
    // Without its lists apt cannot tell the origin of a source.
    report("fetching package lists");
    await apt("update");
    mirror = await find();
  }
  if (mirror === undefined)
    throw new Fault(
      `apt on this machine has no source for Debian ${debian} by http or https, which the lab's base image needs: add one to /etc/apt/sources.list.`,
    );
  return mirror;
}

/**
 * The mirror in a list of lines "origin codename URI" of apt's sources. Undefined if no source is Debian's with a scheme that
 * debootstrap supports (neither a list of mirrors nor a disc).
 */
export function mirrorOf(sources: string): string | undefined {
  return sources
    .split("\n")
    .map((source) => source.split(" "))
    .find(
      ([origin, codename, uri = ""]) => origin === "Debian" && codename === debian && /^https?:/.test(uri),
    )?.[2];
}
