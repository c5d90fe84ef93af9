import { X509Certificate } from "node:crypto";
import { field, refuseAs } from "./fields";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const isCertificate = (pem: string): boolean => {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
};
export const authorities = (description: string) =>
  field(
    (value) => {
      const written = typeof value === "string" ? value.trim() : "";
      // The message never contains the value, which may be a private key by mistake.
      if (written.includes("PRIVATE KEY-----")) {
        return refuseAs("certificatePrivate", {});
      }
      const found = written.match(CERTIFICATE) ?? [];
      if (found.length > 0 && found.every(isCertificate) && written.replace(CERTIFICATE, "").trim() === "")
        return `${written}\n`;
      return refuseAs("certificateUnreadable", {});
    },
    {
      title: "certificates in PEM (-----BEGIN CERTIFICATE-----), one after the other",
      type: "string",
      description,
    },
  );
