import * as pulumi from "@pulumi/pulumi";

/** Makes an error that Pulumi shows without a stack trace, for problems of the cluster and not of the program. */
export function withoutStack({ message }: Error): pulumi.RunError {
  // Once the program has registered its resources, Pulumi shows the stack of a RunError too.
  return Object.assign(new pulumi.RunError(message), { stack: "" });
}
