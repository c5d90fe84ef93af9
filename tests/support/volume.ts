import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { inNode, nodePid } from "../../lab/node";
import type { Thaw } from "./faults";
import { applyObjects, kubectl } from "../../lab/harness";

const MEBIBYTES = 256;
/** Size of a {@link Volume}, as settings write it. */
export const VOLUME_SIZE = `${MEBIBYTES}Mi`;

/** A persistent volume for one claim: a file system in the memory of the lab's node, where nothing provides any. */
export class Volume {
  private readonly folder: string;

  /** The claim may come later. */
  constructor(
    private readonly namespace: string,
    private readonly claim: string,
  ) {
    this.folder = `/run/volumes/${claim}`;
  }

  async create(): Promise<void> {
    await this.remove();
    await inNode(["mkdir", "-p", this.folder]);
    // Each program writes as a user of its own.
    await inNode(["mount", "-t", "tmpfs", "-o", `size=${MEBIBYTES}m,mode=777`, "tmpfs", this.folder]);
    await applyObjects({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: this.claim },
      spec: {
        capacity: { storage: VOLUME_SIZE },
        accessModes: ["ReadWriteOnce"],
        persistentVolumeReclaimPolicy: "Retain",
        hostPath: { path: this.folder },
        claimRef: { namespace: this.namespace, name: this.claim },
      },
    });
  }

  /** Takes all the room that is left. */
  fill(): Thaw {
    const file = `/proc/${nodePid()}/root${this.folder}/filler`;
    assert.throws(() => {
      writeFileSync(file, Buffer.alloc(MEBIBYTES * 2 ** 20));
    }, /ENOSPC/);
    return () => {
      rmSync(file);
    };
  }

  /** Takes it away, with the claim if that is still there. */
  async remove(): Promise<void> {
    const gone = ["--ignore-not-found", "--timeout=60s"];
    await kubectl("delete", "persistentvolumeclaim", this.claim, "-n", this.namespace, ...gone);
    await kubectl("delete", "persistentvolume", this.claim, ...gone);
    await inNode(["sh", "-c", `! mountpoint -q ${this.folder} || umount ${this.folder}`]);
  }
}
