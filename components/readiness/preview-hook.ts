import * as pulumi from "@pulumi/pulumi";
import { UNKNOWN } from "../traffic/route-change";

/** What `compare` finds goes to the log below `component`. Only a preview has the hook; Pulumi's mocks cannot register any. */
export function previewHook(
  name: string,
  component: pulumi.Resource,
  compare: (before: unknown, after: unknown) => { readonly lines: string[]; readonly risks: string[] },
): pulumi.ResourceHook | undefined {
  if (!pulumi.runtime.isDryRun() || pulumi.runtime.getEngine() === undefined) return undefined;
  const callback = async ({ oldInputs, newInputs }: pulumi.ResourceHookArgs): Promise<void> => {
    try {
      const { lines, risks } = compare(plain(oldInputs), plain(newInputs));
      // A preview that fails right after this hook takes no more messages.
      await Promise.all([
        ...lines.map((line) => pulumi.log.info(line, component)),
        ...risks.map((risk) => pulumi.log.warn(risk, component)),
      ]);
    } catch (error) {
      // A preview does not fail because of what it says.
      await pulumi.log.debug(`no comparison of ${name}: ${String(error)}`, component);
    }
  };
  return new pulumi.ResourceHook(name, callback, { onDryRun: true });
}

/** Inputs as a hook gets them, with {@link UNKNOWN} for what is known only after `up`, and a word for a secret. */
function plain(value: unknown): unknown {
  if (pulumi.isUnknown(value)) return UNKNOWN;
  if (pulumi.Output.isInstance(value)) return "[secret]";
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, of]) => [key, plain(of)]));
}
