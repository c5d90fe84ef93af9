import { execa } from "execa";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Certificates and their keys, `<name>.crt` and `<name>.key` in a folder of their own. */
export class Certificates {
  readonly folder = mkdtempSync(path.join(tmpdir(), "shopzier-tls-"));
  file = (name: string): string => path.join(this.folder, name);
  read = (name: string): string => readFileSync(this.file(name), "utf8");

  /** A certificate that signed itself, and may sign others. */
  async authority(name: string, days = 1): Promise<void> {
    await this.openssl(
      "-x509",
      "-days",
      String(days),
      ...this.subject(name),
      "-out",
      this.file(`${name}.crt`),
    );
  }

  /** A certificate for a DNS name, of which it has the name unless told otherwise. */
  async issue(name: string, authority: string, dns: string = name): Promise<void> {
    const [request, extensions] = [this.file(`${name}.csr`), this.file(`${name}.ext`)];
    writeFileSync(extensions, `subjectAltName=DNS:${dns}\n`);
    await this.openssl("-new", ...this.subject(name), "-out", request);
    await execa("openssl", [
      ...["x509", "-req", "-days", "1", "-in", request, "-extfile", extensions, "-CAcreateserial"],
      ...["-CA", this.file(`${authority}.crt`), "-CAkey", this.file(`${authority}.key`)],
      ...["-out", this.file(`${name}.crt`)],
    ]);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  private readonly openssl = (...args: string[]) =>
    execa("openssl", ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", ...args]);
  private readonly subject = (name: string): string[] => [
    ...["-subj", `/CN=${name}`],
    ...["-keyout", this.file(`${name}.key`)],
  ];
}
