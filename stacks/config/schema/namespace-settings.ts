import { z } from "zod";
import type { NamespaceArgs } from "../../../components/kubernetes/namespace";
import { LABEL, LABEL_RULE } from "./dns-names";
import { flag, object, text, withDefault } from "./fields";

/** A namespace for components, with all fields set. */
export type Namespace = Required<Exclude<NamespaceArgs, string>>;

/** Name of a namespace that this program creates, or a namespace that exists. */
export function namespace(description: string, name: string) {
  const title = `${LABEL_RULE}, or an object with name, create`;
  const own = text(LABEL, LABEL_RULE, { description, example: name });
  return withDefault(
    z
      .union(
        [
          own.transform((written): Namespace => ({ name: written, create: true })).meta(own.meta() ?? {}),
          object(
            {
              name: withDefault(text(LABEL, LABEL_RULE, { description: "Its name.", example: name }), name),
              create: withDefault(
                flag({
                  description:
                    "Whether this program creates the namespace. With false it must exist, and neither `up` nor `destroy` changes it.",
                }),
                true,
              ),
            },
            description,
          ),
        ],
        { error: () => title },
      )
      .meta({ description }),
    { name, create: true },
    name,
  );
}
