import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import downloadArtifact from "mvn-artifact-download";
import { debian, debianMirror } from "./apt";
import { cached, cachePath, contentHash, hashFolder } from "./cache";
import { run } from "./command";
import { Fault } from "./fault";
import { folders } from "./folders";
import { archiveName, ImageBuilder } from "./image-builder";
import { controlPlaneImages, observabilityImages, otherImages, type ProgramImage } from "./program-images";
import type { ProgramName, Scope } from "./programs";
import { installPython } from "./python";
import type { Report } from "./steps";
import type { Toolchain } from "./toolchain";

const bin = "/usr/local/bin";

/** The category service as the lab deploys it. */
export const categoryImage = "lab.internal/category-api:1.0.0";
const categorySources = path.join(folders.checkout, "apps", "category-api");

/** PostgreSQL, with the interface of Docker's official image. */
export const databaseImage = "lab.internal/postgres:15";
/** Folder of Debian's package. */
const postgresFolder = "/usr/lib/postgresql/15";
const databaseSources = path.join(folders.checkout, "lab", "postgres");

/** OpenSearch with its security plugin, with the interface of its official image. */
const searchImage = "lab.internal/opensearch:2.19.4";
const searchSources = path.join(folders.checkout, "lab", "opensearch");

const basePackages = "iptables,nftables,ca-certificates,iproute2,conntrack";
const baseKey = contentHash(basePackages, debian);

/** Whether the base image is in the cache. */
export function hasBaseImage(): boolean {
  return fs.existsSync(cachePath("image-base", baseKey));
}

/** An image in the cache: a docker-archive, and the hash of all its inputs. */
export interface ImageArchive {
  readonly reference: string;
  readonly key: string;
  readonly file: string;
}

/** All images of the lab. */
export interface ImageArchives {
  /** The images that `kubeadm init` starts first. */
  readonly controlPlane: readonly ImageArchive[];
  readonly others: readonly ImageArchive[];
  /** What `make observability` adds; empty for the first split. */
  readonly observability: readonly ImageArchive[];
  readonly category: ImageArchive;
  readonly database: ImageArchive;
}

function imagesOf(scope: Scope): readonly ProgramImage[] {
  return [...controlPlaneImages, ...otherImages, ...(scope === "all" ? observabilityImages : [])];
}

/** Builds the images from the toolchain's programs. */
export class Images {
  constructor(private readonly toolchain: Toolchain) {}

  /** Programs that are not built yet: those on `PATH`, and those of the images that are not built yet. */
  missingPrograms(scope: Scope): ProgramName[] {
    const missing = imagesOf(scope).filter((image) => !fs.existsSync(this.archive(image).file));
    return this.toolchain.missing(
      scope,
      missing.flatMap((image) => Object.keys(image.programs) as ProgramName[]),
    );
  }

  /** Builds the missing programs, and beside them the images that need none; needed before {@link build}. */
  async buildPrograms(scope: Scope, report: Report): Promise<void> {
    const missing = this.missingPrograms(scope);
    if (missing.length > 0)
      await this.toolchain.build(missing, report, (say, signal) => this.buildOthers(say, signal));
  }

  /** Builds the images that the cache does not have. */
  async build(scope: Scope, report: Report): Promise<ImageArchives> {
    const builder = new ImageBuilder();
    try {
      for (const image of imagesOf(scope)) {
        const { key, file } = this.archive(image);
        if (fs.existsSync(file)) continue;
        const base = image.base === "scratch" ? "scratch" : await this.base(builder, report);
        const bootstrap = image.bootstrap === undefined ? undefined : await this.toolchain.istioFiles();
        report(`building ${image.reference}`);
        await cached(entryName(image.reference), key, async (folder) => {
          const copies = Object.entries(image.programs).map(([name, to]) => ({
            from: this.toolchain.file(name as ProgramName),
            to,
          }));
          if (bootstrap !== undefined && image.bootstrap !== undefined)
            copies.push({ from: path.join(bootstrap, "envoy_bootstrap.json"), to: image.bootstrap });
          await builder.build(`lab.internal/${image.reference}`, folder, base, copies, image);
        });
        this.toolchain.discard(Object.keys(image.programs) as ProgramName[]);
      }
      const category = await this.category(builder, report);
      const database = await this.database(builder, report);
      return {
        controlPlane: controlPlaneImages.map((image) => this.archive(image)),
        others: otherImages.map((image) => this.archive(image)),
        observability: (scope === "all" ? observabilityImages : []).map((image) => this.archive(image)),
        category,
        database,
      };
    } finally {
      builder.remove();
    }
  }

  private archive(image: ProgramImage): ImageArchive {
    const programs = Object.keys(image.programs).map((name) => this.toolchain.key(name as ProgramName));
    const key = contentHash(JSON.stringify(image), image.base === "base" ? baseKey : "", ...programs);
    return {
      reference: `lab.internal/${image.reference}`,
      key,
      file: path.join(cachePath(entryName(image.reference), key), archiveName),
    };
  }

  private async buildOthers(report: Report, signal: AbortSignal): Promise<void> {
    const builder = new ImageBuilder();
    try {
      await this.base(builder, report, signal);
      signal.throwIfAborted();
      await this.category(builder, report);
      signal.throwIfAborted();
      await this.database(builder, report);
    } finally {
      builder.remove();
    }
  }

  /** A small Debian. */
  private async base(builder: ImageBuilder, report: Report, signal?: AbortSignal): Promise<string> {
    const folder = await cached("image-base", baseKey, async (unfinished) => {
      report(`installing Debian ${debian} for the base image`);
      const rootfs = path.join(unfinished, "rootfs");
      const options = ["--variant=minbase", `--include=${basePackages}`];
      // debootstrap prints neither why it fails nor that a disk is full. Its log does, and is removed with the folder.
      const command = 'debootstrap "$@" || { cat "$0"; exit 1; }';
      const log = path.join(rootfs, "debootstrap", "debootstrap.log");
      await run(["bash", "-c", command, log, ...options, debian, rootfs, await debianMirror(report)], {
        log: "images",
        ...(signal && { signal }),
      });
      const waste = [
        "var/cache/apt",
        "var/lib/apt/lists",
        "usr/share/doc",
        "usr/share/man",
        "usr/share/locale",
        "usr/share/info",
      ];
      for (const name of waste) fs.rmSync(path.join(rootfs, name), { recursive: true, force: true });
      fs.writeFileSync(path.join(unfinished, "Dockerfile"), "FROM scratch\nCOPY rootfs /\n");
      await builder.buildDockerfile("lab.internal/base:1", unfinished, unfinished, []);
      fs.rmSync(rootfs, { recursive: true });
    });
    return `docker-archive:${path.join(folder, archiveName)}`;
  }

  /** The service's own Dockerfile on the lab's base image with this machine's Node in it. */
  private async category(builder: ImageBuilder, report: Report): Promise<ImageArchive> {
    const node = process.execPath;
    const nodeKey = contentHash(baseKey, process.version, String(fs.statSync(node).size));
    const lock = fs.readFileSync(path.join(folders.checkout, "package-lock.json"));
    const key = contentHash(nodeKey, hashFolder(categorySources, ["node_modules", "dist", "tests"]), lock);
    const folder = await cached("image-category-api", key, async (unfinished) => {
      const nodeFolder = await cached("image-node", nodeKey, async (unfinishedNode) => {
        const base = await this.base(builder, report);
        report(`building node:${process.version}`);
        await builder.build(
          `lab.internal/node:${process.version}`,
          unfinishedNode,
          base,
          [{ from: node, to: `${bin}/node` }],
          {},
        );
      });
      report("building category-api");
      await run(["npm", "run", "build", "--workspace=apps/category-api"], {
        cwd: folders.checkout,
        log: "images",
      });
      const base = `docker-archive:${path.join(nodeFolder, archiveName)}`;
      await builder.buildDockerfile(categoryImage, unfinished, categorySources, [
        "--build-arg",
        `BASE=${base}`,
      ]);
    });
    return { reference: categoryImage, key, file: path.join(folder, archiveName) };
  }

  /** This machine's PostgreSQL, from Debian's package, with the libraries that it needs, on the lab's base image. */
  private async database(builder: ImageBuilder, report: Report): Promise<ImageArchive> {
    const programs = ["postgres", "initdb", "pg_isready", "psql", "createdb", "pg_dump", "pg_restore"].map(
      (name) => `${postgresFolder}/bin/${name}`,
    );
    const version = await run([programs[0] ?? "", "--version"]);
    const key = contentHash(baseKey, version, programs.join(), hashFolder(databaseSources, []));
    const folder = await cached("image-postgres", key, async (unfinished) => {
      const base = await this.base(builder, report);
      report("building postgres");
      const libraries = await librariesOf([...programs, `${postgresFolder}/lib/dict_snowball.so`]);
      const context = path.join(unfinished, "context");
      const files = [...programs, ...libraries, `${postgresFolder}/lib`, "/usr/share/postgresql/15"];
      for (const file of files)
        fs.cpSync(file, path.join(context, "rootfs", file), {
          recursive: true,
          dereference: true,
          // PostgreSQL works without its JIT compiler. LLVM is larger than everything else.
          filter: (source) => !/llvmjit|bitcode/.test(source),
        });
      fs.cpSync(databaseSources, context, { recursive: true });
      await builder.buildDockerfile(databaseImage, unfinished, context, ["--build-arg", `BASE=${base}`]);
      fs.rmSync(context, { recursive: true });
    });
    return { reference: databaseImage, key, file: path.join(folder, archiveName) };
  }

  /** OpenSearch's own archives and a Java runtime. Only one test needs this image. */
  async search(report: Report): Promise<ImageArchive> {
    const key = contentHash(baseKey, hashFolder(searchSources));
    const folder = await cached("image-opensearch", key, async (unfinished) => {
      const builder = new ImageBuilder();
      try {
        const base = await this.base(builder, report);
        report("building opensearch");
        const context = path.join(unfinished, "context");
        fs.cpSync(searchSources, context, { recursive: true });
        const archives = fs.readFileSync(path.join(context, "archives.sha256"), "utf8").trim().split("\n");
        await Promise.all([
          installPython(path.join(context, "requirements.txt"), context),
          ...archives.map((archive) => unpack(archive, context)),
        ]);
        await builder.buildDockerfile(searchImage, unfinished, context, ["--build-arg", `BASE=${base}`]);
        fs.rmSync(context, { recursive: true });
      } finally {
        builder.remove();
      }
    });
    return { reference: searchImage, key, file: path.join(folder, archiveName) };
  }
}

/** Downloads a zip file and unpacks it into a folder of its name. Throws a Fault if its SHA-256 differs. */
async function unpack(archive: string, folder: string): Promise<void> {
  const [sha256 = "", artifact = ""] = archive.split(/\s+/);
  const file = await downloadArtifact(artifact, folder);
  if (createHash("sha256").update(fs.readFileSync(file)).digest("hex") !== sha256)
    throw new Fault(`${artifact} has another SHA-256 than the pinned one.`);
  await run(["python3", "-m", "zipfile", "-e", file, file.replace(/\.zip$/, "")]);
}

/** Paths of the libraries that programs load, without the C library, which the base image has. */
async function librariesOf(programs: readonly string[]): Promise<string[]> {
  const lines = (await run(["ldd", ...programs])).split("\n");
  // Debian's /lib is a link to /usr/lib, which a folder of that name would replace.
  const found = lines.flatMap((line) => / => (?:\/usr)?(\/lib\/\S+)/.exec(line)?.[1] ?? []);
  return [...new Set(found.map((file) => `/usr${file}`))].filter(
    (file) => !/\/lib(c|m|resolv)\.so/.test(file),
  );
}

function entryName(reference: string): string {
  return `image-${reference.split(":")[0] ?? reference}`;
}
