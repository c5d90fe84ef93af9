/**
 * Compares the certificates of a gateway proxy with the hosts that they are for. Pure: the input is the TLS of the hosts and
 * the parsed body of {@link secretsQuestion}.
 */
import { X509Certificate } from "node:crypto";
import type { Server } from "../istio/gateway";
import { literal } from "../traffic/regex";
import { httpsServer, type GatewayTls, type HostTls } from "./gateway-servers";

/** The hosts of one Secret, with their TLS. */
export interface HostsTls extends HostTls {
  readonly hosts: readonly string[];
}

/** The part that is read of `GET` {@link secretsQuestion}. */
export interface SecretDump {
  readonly configs?: readonly {
    readonly name?: string;
    readonly secret?: {
      readonly tls_certificate?: { readonly certificate_chain?: { readonly inline_bytes?: string } };
      readonly validation_context?: object;
    };
    /** Set while Envoy refuses the Secret that it was sent last. */
    readonly error_state?: { readonly details?: string };
  }[];
}

const DAY_MS = 86_400_000;
/** A certificate that ends sooner gets a warning. Clients of Let's Encrypt renew certificates 30 days before their end. */
const SOON_DAYS = 14;

/** The hosts of each Secret. */
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
 * Servers that make a gateway fetch the certificates before they serve the hosts. Their host names are never requested, and
 * only routes of the gateway's namespace may bind to them. They use Istio's full name of the Secret, because
 * `istioctl analyze` warns of two Gateways with one certificate (IST0138), which is harmless for such names.
 */
export const certificateServers = (all: readonly HostsTls[], gateway: string): Server[] =>
  all.map((tls, i) =>
    httpsServer(`https-certificate-${i}`, [`./certificate-${i}.${gateway}.invalid`], {
      ...tls,
      credentialName: certificateOf(tls),
    }),
  );

/** Path on Envoy's admin port: these secrets. Envoy does not show private keys. */
export function secretsQuestion(all: readonly HostsTls[]): string {
  const names = all.flatMap((tls) => [certificateOf(tls), authoritiesOf(tls)]).map(literal);
  return `config_dump?resource=dynamic_active_secrets&name_regex=${encodeURIComponent(`^(${names.join("|")})$`)}`;
}

const chainOf = (dump: SecretDump, tls: HostTls): string | undefined =>
  dump.configs?.find(({ name }) => name === certificateOf(tls))?.secret?.tls_certificate?.certificate_chain
    ?.inline_bytes;

/** Those of `all` that the proxy does not have. */
export function missingCertificates(dump: SecretDump, all: readonly HostsTls[]): HostsTls[] {
  return all.filter(
    (tls) =>
      chainOf(dump, tls) === undefined ||
      (tls.mode === "MUTUAL" &&
        !dump.configs?.some(({ name, secret }) => name === authoritiesOf(tls) && secret?.validation_context)),
  );
}

/** Why Envoy refuses the Secret of `tls`; undefined where it does not. */
export const refusal = (dump: SecretDump, tls: HostTls): string | undefined =>
  dump.configs?.find(({ name }) => name === certificateOf(tls))?.error_state?.details;

/** The command that creates the Secret of `tls`. */
export function secretCommand({ credentialName, mode }: HostTls, namespace: string): string {
  const secret = `${credentialName} --namespace ${namespace}`;
  return mode === "MUTUAL"
    ? `kubectl create secret generic ${secret} --from-file=tls.crt --from-file=tls.key --from-file=ca.crt`
    : `kubectl create secret tls ${secret} --cert=tls.crt --key=tls.key`;
}

/** Why clients will refuse certificates of a proxy, now or soon, in words. */
export function certificateProblems(dump: SecretDump, all: readonly HostsTls[], now: Date): string[] {
  return all.flatMap((tls) => {
    const chain = chainOf(dump, tls);
    if (chain === undefined) return [];
    const subject = `The certificate in Secret ${tls.credentialName}`;
    const certificate = new X509Certificate(Buffer.from(chain, "base64"));
    const others = tls.hosts.filter(
      // A wildcard host needs a certificate for all names below it, so any name is tested.
      (host) => host !== "*" && certificate.checkHost(host.replace(/^\*/, "any-name")) === undefined,
    );
    const days = Math.floor((Date.parse(certificate.validTo) - now.getTime()) / DAY_MS);
    const early = Date.parse(certificate.validFrom) > now.getTime();
    return [
      ...(others.length > 0
        ? [`${subject} is not for ${others.join(", ")}: ${certificate.subjectAltName ?? "no name"}.`]
        : []),
      ...(days < 0
        ? [`${subject} ended on ${certificate.validTo}.`]
        : days < SOON_DAYS
          ? [`${subject} ends in ${days} days, on ${certificate.validTo}.`]
          : []),
      ...(early ? [`${subject} begins on ${certificate.validFrom} only.`] : []),
    ];
  });
}
