import type { AuthorizationPolicySpec, AuthorizationRule } from "../istio/authorization-policy";
import type { RoutedPath } from "../traffic/paths";
import { principal, type ServiceIdentity } from "./identity";
import { operationOf, policyPaths, toOperation, type RequestCondition } from "./request-condition";

/** What services of the mesh may ask of another one. */
export interface CallerEntry extends RequestCondition {
  /** Any of these; at least one. */
  readonly identities: readonly ServiceIdentity[];
}

/** `deny` wins; a service that no entry of `allow` names is refused. */
export interface CallerLists {
  readonly allow?: readonly CallerEntry[];
  readonly deny?: readonly CallerEntry[];
}

export interface ServiceAccessRequest {
  /** Value of the label `app` on the pods of the service. */
  readonly service: string;
  /** Port of its containers. */
  readonly port: number;
  /** Identities that may ask for `paths`: that of the gateway. */
  readonly from: readonly ServiceIdentity[];
  /** Default: every path. Also the default for entries without paths of their own. */
  readonly paths?: readonly RoutedPath[];
  /** Other services of the mesh. */
  readonly services?: CallerLists;
}

/** Everything that may reach the service, as policies of its sidecars. */
export interface ServiceAccessPlan {
  readonly allow: AuthorizationPolicySpec;
  readonly deny?: AuthorizationPolicySpec;
}

/** Plans who may reach a service. Health checks and metrics come by the agent's own ports, which no policy stands before. */
export function planServiceAccess(request: ServiceAccessRequest): ServiceAccessPlan {
  const { service, port, from, paths, services = {} } = request;
  const selector = { matchLabels: { app: service } };
  const ports = [String(port)];
  const rule = ({ identities, ...condition }: CallerEntry): AuthorizationRule => ({
    from: [{ source: { principals: identities.map(principal) } }],
    ...toOperation({ ports, ...operationOf(condition) }),
  });
  const within = paths && { paths: policyPaths(paths) };
  return {
    allow: {
      selector,
      action: "ALLOW",
      rules: [
        ...(from.length > 0
          ? [
              {
                from: [{ source: { principals: from.map(principal) } }],
                ...toOperation({ ports, ...within }),
              },
            ]
          : []),
        ...(services.allow ?? []).map((entry) => rule({ ...entry, paths: entry.paths ?? paths })),
      ],
    },
    ...(services.deny && { deny: { selector, action: "DENY", rules: services.deny.map(rule) } }),
  };
}
