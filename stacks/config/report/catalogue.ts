import { problemsBy, type ProblemOf, type Said } from "../../../components/traffic/problem";
import { TRAFFIC_MESSAGES } from "../../../components/traffic/traffic-messages";
import { FORM_MESSAGES } from "./form-messages";
import { OBSERVABILITY_MESSAGES } from "./observability-messages";
import { PLATFORM_MESSAGES } from "./platform-messages";
import { POLICY_MESSAGES } from "./policy-messages";
import { PRODUCTION_MESSAGES } from "./production-messages";

export type { Path, Repair } from "../../../components/traffic/problem";

/**
 * The messages of all problems of a configuration. Codes: SM01 a single value, SM02 the service, SM03 gateway and Istio,
 * SM04 weights, SM05 rules, SM06 policies, SM07 security, SM08 observability, SM09 production, SM10 other owners.
 */
export const MESSAGES = {
  ...FORM_MESSAGES,
  ...PLATFORM_MESSAGES,
  ...TRAFFIC_MESSAGES,
  ...POLICY_MESSAGES,
  ...OBSERVABILITY_MESSAGES,
  ...PRODUCTION_MESSAGES,
};

/** A problem of a configuration: path, kind, and parameters of the message. */
export type Problem = ProblemOf<typeof MESSAGES>;

export const problem = problemsBy<typeof MESSAGES>();

/** A problem of one value that the schema refuses. */
export const formProblem = problemsBy<FormMessages>();
export type FormMessages = typeof FORM_MESSAGES;
export type FormProblem = ProblemOf<FormMessages>;

/** The code of a problem and its message. */
export function said({ name, params }: Problem): Said & { readonly code: string } {
  const { code, say } = MESSAGES[name];
  return { code, ...say(params as never) };
}
