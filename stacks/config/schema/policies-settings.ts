/** Policies of requests: the same blocks for all traffic and for each rule. */
import type { z } from "zod";
import type { RulePolicies } from "../../../components/traffic/traffic-rules";
import { cors } from "./cors-settings";
import { fault } from "./fault-settings";
import { headers } from "./headers-settings";
import { mirror } from "./mirror-settings";
import { rateLimit } from "./rate-limit-settings";
import { retries, timeout } from "./retries-settings";
import { object, orNone } from "./fields";

export const policies = {
  headers: orNone(
    headers,
    "an object with request, response",
    "Headers to set, add and remove, in requests to a version and in its responses.",
  ).exactOptional(),
  cors: orNone(
    cors,
    "an object with origins, methods, headers, expose, maxAge, credentials",
    "Origins whose pages may read the answers. The gateway answers preflights itself.",
  ).exactOptional(),
  timeout: timeout.exactOptional(),
  retries: retries.exactOptional(),
  mirror: mirror.exactOptional(),
  fault: fault.exactOptional(),
  rateLimit: orNone(
    rateLimit,
    "an object with requests, per, burst",
    "Rate limit of each gateway pod for each rule. A request above it gets 429.",
  ).exactOptional(),
};

/** The policies after the schema. */
export type WrittenPolicies = z.output<ReturnType<typeof object<typeof policies>>>;

/** The policies as arguments of components. */
export function rulePolicies(written: WrittenPolicies): RulePolicies {
  const { headers, cors, timeout, retries, mirror, fault, rateLimit } = written;
  return {
    ...(headers !== undefined && { headers }),
    ...(cors !== undefined && { cors }),
    ...(timeout !== undefined && { timeoutMs: timeout }),
    ...(retries !== undefined && { retries }),
    ...(mirror !== undefined && { mirror }),
    ...(fault !== undefined && { fault: fault === "none" ? fault : withoutPermission(fault) }),
    ...(rateLimit !== undefined && { rateLimit }),
  };
}

function withoutPermission<F extends { readonly allowInProduction?: boolean }>({
  allowInProduction: _,
  ...fault
}: F): Omit<F, "allowInProduction"> {
  return fault;
}
