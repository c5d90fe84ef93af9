import fs from "node:fs";
import path from "node:path";
import { withScratch } from "./cache";
import { run } from "./command";
import { folders } from "./folders";

/** The file of an image in its folder. */
export const archiveName = "image.tar";

/** Builds images with buildah in a temporary storage. The machine's own storage is not used. */
export class ImageBuilder {
  private readonly storage = path.join(folders.cache, "unfinished", `storage-${process.pid}`);

  /** Copies files onto a base ("scratch", or an image as buildah names it) and writes the archive into `folder`. */
  async build(
    reference: string,
    folder: string,
    base: string,
    copies: readonly { readonly from: string; readonly to: string }[],
    settings: { readonly entrypoint?: string; readonly user?: string },
  ): Promise<void> {
    const context = path.join(folder, "context");
    fs.mkdirSync(context);
    const lines = [`FROM ${base}`];
    for (const [index, { from, to }] of copies.entries()) {
      fs.copyFileSync(from, path.join(context, String(index)), fs.constants.COPYFILE_FICLONE);
      lines.push(`COPY ${index} ${to}`);
    }
    if (settings.user !== undefined) lines.push(`USER ${settings.user}`);
    if (settings.entrypoint !== undefined) lines.push(`ENTRYPOINT ["${settings.entrypoint}"]`);
    fs.writeFileSync(path.join(context, "Dockerfile"), lines.join("\n"));
    await this.buildDockerfile(reference, folder, context, []);
    fs.rmSync(context, { recursive: true });
  }

  /** Builds a folder's Dockerfile and writes the archive into `folder`. */
  async buildDockerfile(
    reference: string,
    folder: string,
    context: string,
    options: readonly string[],
  ): Promise<void> {
    await this.buildah("bud", "--layers=false", "--format=oci", ...options, "--tag", reference, context);
    // This archive format has uncompressed layers: unpacking would take time when the cluster starts.
    const archive = `docker-archive:${path.join(folder, archiveName)}:${reference}`;
    await this.buildah("push", reference, archive);
  }

  remove(): void {
    fs.rmSync(this.storage, { recursive: true, force: true });
  }

  private async buildah(command: string, ...args: readonly string[]): Promise<void> {
    const places = [
      `--root=${this.storage}/root`,
      `--runroot=${this.storage}/run`,
      "--storage-driver=overlay",
    ];
    await withScratch((TMPDIR) =>
      run(["buildah", command, ...places, ...args], {
        where: "layered",
        env: { BUILDAH_ISOLATION: "chroot", TMPDIR },
        log: "images",
      }),
    );
  }
}
