import { z } from "zod";
import { CLAIM } from "../../../components/traffic/claims";
import { list, map, text } from "./fields";

const claimValue = text(
  /^(\*|[\x20-\x29\x2b-\x7e]{1,256})$/,
  'text of at most 256 printable characters without "*", or "*" alone for any value',
  { description: "A value of the claim, or one that it contains where it is a list.", example: "staff" },
  (written) => written.trim(),
);
export const claims = map(
  { pattern: CLAIM, allowed: 'a claim, nested ones with "." between ("realm_access.roles")', kind: "claim" },
  z
    .union(
      [
        claimValue.transform((value) => [value]),
        list(claimValue, "a list of values, each once", "Any of these."),
      ],
      {
        error: () => "text, or a list of text",
      },
    )
    .meta({ description: "Value of the claim, or any of several." }),
  "Claim of the verified token → value. Each of them must hold.",
).exactOptional();
