/** The settings of security as arguments of components. */
import type { z } from "zod";
import type { MutualTlsArgs } from "../../../components/security/mutual-tls";
import type { Authentication } from "../../../components/security/authentication";
import type { AccessLists } from "../../../components/security/access-lists";
import type { CallerLists } from "../../../components/security/caller-lists";

import type { security } from "./security-settings";

/** Arguments for access, tokens and mutual TLS. */
export interface SecuritySettings {
  readonly mtls: Required<Pick<MutualTlsArgs, "mode" | "namespaces">>;
  /** Number of proxies in front of the gateway. Default 0. */
  readonly trustedProxies: number;
  readonly access?: AccessLists & { readonly dryRun: boolean };
  /** Other services of the mesh that are allowed or denied at the category API. */
  readonly services?: CallerLists;
  readonly authentication?: Authentication;
  readonly networkPolicies: {
    /** Default true. */
    readonly enabled: boolean;
    /** Namespaces whose pods may fetch metrics. Default: that of this stack's Prometheus. */
    readonly scrapers: readonly string[];
  };
}

/** The arguments for the block `security`. */
export function securitySettings(written: z.output<typeof security>): SecuritySettings {
  const { authentication, ...rest } = written;
  return {
    ...rest,
    ...(authentication && {
      authentication: {
        ...authentication,
        jwt: authentication.jwt.map(({ jwksUri = "", jwks, audiences, claims = {}, ...issuer }) => ({
          ...issuer,
          ...(audiences ? { audiences, ...(Object.keys(claims).length > 0 && { claims }) } : { claims }),
          ...(jwks === undefined ? { jwksUri } : { jwks }),
        })),
      },
    }),
  };
}
