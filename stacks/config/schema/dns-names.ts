/** DNS names by RFC 1123, in Kubernetes' form. */
import { z } from "zod";

/** A label: the name of a namespace, a version, a revision. */
export const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
export const LABEL_RULE = 'at most 63 lowercase letters, digits and "-", with a letter or digit at both ends';

/** Labels with dots between them: the name of a Secret, of a host. */
export const SUBDOMAIN =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** A host name. Its last label may not have only digits, since it would look like an address. */
export const HOST_NAME = new RegExp(`^(?=(.*\\.)?[^.]*[a-z][^.]*$)${SUBDOMAIN.source.slice(1)}`);

/** A host name or an IP address. */
export const HOST_OR_ADDRESS = new RegExp(
  [HOST_NAME, z.regexes.ipv4, z.regexes.ipv6].map(({ source }) => source).join("|"),
);

/** The host of a text that may be a URL. */
export function hostOf(written: string): string {
  return written
    .trim()
    .toLowerCase()
    .replace(/^[a-z]+:\/\//, "")
    .replace(/^\[(.*)\].*$|[:/].*$/, "$1");
}
