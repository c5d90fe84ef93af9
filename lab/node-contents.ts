import fs from "node:fs";

/** A part of the node, with the hash of all its inputs. */
export interface Content {
  /** For an image, its reference. */
  readonly reference: string;
  readonly key: string;
}

/** The parts that the node has, in a file that is removed with it. */
export class NodeContents {
  constructor(private readonly file: string) {}

  has(contents: readonly Content[]): boolean {
    const present = this.read();
    return contents.every(({ reference, key }) => present[reference] === key);
  }

  remember(contents: readonly Content[]): void {
    const added = Object.fromEntries(contents.map(({ reference, key }) => [reference, key]));
    const unfinished = `${this.file}.unfinished`;
    fs.writeFileSync(unfinished, JSON.stringify({ ...this.read(), ...added }));
    fs.renameSync(unfinished, this.file);
  }

  /** Empty if the file is missing or unreadable; then `up` starts a new node. */
  private read(): Readonly<Record<string, string>> {
    try {
      return JSON.parse(fs.readFileSync(this.file, "utf8")) as Record<string, string>;
    } catch {
      return {};
    }
  }
}
