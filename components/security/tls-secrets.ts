/**
 * Does a gateway proxy hold the certificates of its hosts, and do they fit? Pure: takes what was written and the parsed body of
 * {@link secretsQuestion}.
 */
import { X509Certificate } from "node:crypto";
import type { Server } from "../istio/gateway";
import { literal } from "../traffic/regex";
import { httpsServer, type GatewayTls, type HostTls } from "./gateway-servers";

/** The TLS of some hosts: one Secret. */
export interface HostsTls extends HostTls {
  readonly hosts: readonly string[];
}

/** `GET` {@link secretsQuestion}, the part that is read. */
export interface SecretDump {
  readonly configs?: readonly {
    readonly name?: string;
    readonly secret?: {
      readonly tls_certificate?: { readonly certificate_chain?: { readonly inline_bytes?: string } };
      readonly validation_context?: object;
    };
    /** There while Envoy refuses what it was sent last. */
    readonly error_state?: { readonly details?: string };
  }[];
}

const DAY_MS = 86_400_000;
/** A certificate with less time left is said: those of Let's Encrypt are renewed thirty days before their end. */
const SOON_DAYS = 14;

/** By Secret, the hosts that it is for. */
export function tlsOfHosts(hosts: readonly string[], tls: GatewayTls): HostsTls[] {
  const bySecret = new Map<string, HostsTls>();
  for (const host of hosts) {
    const own = tls.hosts?.[host] ?? tls;
    const key = `${own.credentialName} ${own.mode ?? ""}`;
    bySecret.set(key, { ...own, hosts: [...(bySecret.get(key)?.hosts ?? []), host] });
  }
  return [...bySecret.values()];
}

/** Istio's names for the secrets of `tls`. */
const certificateOf = ({ credentialName }: HostTls): string => `kubernetes://${credentialName}`;
const authoritiesOf = (tls: HostTls): string => `${certificateOf(tls)}-cacert`;

/**
 * Servers by which a gateway fetches the certificates before the hosts are served by them: for names that no client asks for,
 * to which no route may bind but one of the gateway's own namespace. By Istio's full name of the Secret: `istioctl analyze`
 * warns where two Gateways have one certificate (IST0138), which matters for names that the certificate is for.
 */
export const certificateServers = (all: readonly HostsTls[], gateway: string): Server[] =>
  all.map((tls, i) =>
    httpsServer(`https-certificate-${i}`, [`./certificate-${i}.${gateway}.invalid`], {
      ...tls,
      credentialName: certificateOf(tls),
    }),
  );

/** Asks Envoy for these secrets; it does not show private keys. */
export function secretsQuestion(all: readonly HostsTls[]): string {
  const names = all.flatMap((tls) => [certificateOf(tls), authoritiesOf(tls)]).map(literal);
  return `config_dump?resource=dynamic_active_secrets&name_regex=${encodeURIComponent(`^(${names.join("|")})$`)}`;
}

const chainOf = (dump: SecretDump, tls: HostTls): string | undefined =>
  dump.configs?.find(({ name }) => name === certificateOf(tls))?.secret?.tls_certificate?.certificate_chain
    ?.inline_bytes;

/** Those of `all` that the proxy does not hold. */
export function missingCertificates(dump: SecretDump, all: readonly HostsTls[]): HostsTls[] {
  return all.filter(
    (tls) =>
      chainOf(dump, tls) === undefined ||
      (tls.mode === "MUTUAL" &&
        !dump.configs?.some(({ name, secret }) => name === authoritiesOf(tls) && secret?.validation_context)),
  );
}

/** Why Envoy refuses the Secret of `tls`, where it does. */
export const refusal = (dump: SecretDump, tls: HostTls): string | undefined =>
  dump.configs?.find(({ name }) => name === certificateOf(tls))?.error_state?.details;

/** The command that makes the Secret of `tls`. */
export function secretCommand({ credentialName, mode }: HostTls, namespace: string): string {
  const secret = `${credentialName} --namespace ${namespace}`;
  return mode === "MUTUAL"
    ? `kubectl create secret generic ${secret} --from-file=tls.crt --from-file=tls.key --from-file=ca.crt`
    : `kubectl create secret tls ${secret} --cert=tls.crt --key=tls.key`;
}

/** What clients will not like about the certificates that a proxy holds, in words. */
export function certificateProblems(dump: SecretDump, all: readonly HostsTls[], now: Date): string[] {
  return all.flatMap((tls) => {
    const chain = chainOf(dump, tls);
    if (chain === undefined) return [];
    const of = `The certificate in Secret ${tls.credentialName}`;
    const certificate = new X509Certificate(Buffer.from(chain, "base64"));
    const others = tls.hosts.filter(
      // A host for any name below another needs a certificate that says so.
      (host) => host !== "*" && certificate.checkHost(host.replace(/^\*/, "any-name")) === undefined,
    );
    const days = Math.floor((Date.parse(certificate.validTo) - now.getTime()) / DAY_MS);
    const early = Date.parse(certificate.validFrom) > now.getTime();
    return [
      ...(others.length > 0
        ? [`${of} is not for ${others.join(", ")}: ${certificate.subjectAltName ?? "no name"}.`]
        : []),
      ...(days < 0
        ? [`${of} ended on ${certificate.validTo}.`]
        : days < SOON_DAYS
          ? [`${of} ends in ${days} days, on ${certificate.validTo}.`]
          : []),
      ...(early ? [`${of} begins on ${certificate.validFrom} only.`] : []),
    ];
  });
}
