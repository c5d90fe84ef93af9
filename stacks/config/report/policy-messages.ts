/** Messages of problems between policies of requests and other settings. */
import { message } from "../../../components/traffic/problem";
import { didYouMeanNote, show } from "./words";

const policies = {
  policyUnused: message("SM0621", (p: { policy: string }) => ({
    found: `${p.policy} for requests that the gateway answers itself`,
    allowed: `${p.policy} for requests that are sent to a version`,
  })),
  policyWritesOnly: message("SM0622", (p: { policy: "retries" | "mirror" }) => ({
    found: `only requests that may write, none of which is ${p.policy === "mirror" ? "copied" : "tried again under these conditions"}`,
    allowed: "writes: true, or a rule that matches GET, HEAD or OPTIONS too",
  })),
  policyVersionUndeclared: message(
    "SM0623",
    (p: { version: string; declared: readonly string[]; meant: string | undefined }) => ({
      found: `version ${p.version}, which is not declared`,
      allowed: `one of the declared versions: ${p.declared.join(", ")}`,
      hint: didYouMeanNote(p.meant),
    }),
  ),
  faultEmpty: message("SM0624", () => ({
    found: "neither delay nor abort",
    allowed: "at least one of them",
  })),
};

const security = {
  namespaceOfMesh: message("SM0701", () => ({
    found: "the namespace of the control plane",
    allowed: "namespaces other than istio-system",
    hint: "what stands there is the mode of the whole mesh: shopzier:security.mtls.mode",
  })),
  issuerTwice: message("SM0702", (p: { issuer: string }) => ({
    found: `${show(p.issuer)} a second time`,
    allowed: "each issuer once",
    advice: "put its keys and audiences into one entry",
  })),
  // There is no repair that removes the claims, since the entry or rule would then match all clients.
  claimsUnverified: message("SM0703", () => ({
    found: "claims without tokens",
    allowed: "claims where shopzier:security.authentication says whose tokens are verified",
    advice: [
      "name the issuer, its audiences and keys in shopzier:security.authentication",
      "remove the whole entry or rule in the stack file",
    ],
  })),
};

export const POLICY_MESSAGES = { ...policies, ...security };
