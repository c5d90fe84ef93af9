import * as pulumi from "@pulumi/pulumi";

/** For what the program itself finds out about the cluster: Pulumi shows the message alone and ends with a failure. */
export function withoutStack({ message }: Error): pulumi.RunError {
  // A RunError is shown without its stack only while the program is still making resources.
  return Object.assign(new pulumi.RunError(message), { stack: "" });
}
