import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/** Arguments of an Istio object: metadata and a typed spec. */
export interface IstioObjectArgs<Spec> {
  readonly metadata: pulumi.Input<k8s.types.input.meta.v1.ObjectMeta>;
  readonly spec: pulumi.Input<Spec>;
}

/** The class of an Istio object. */
type IstioObjectClass<Spec> = new (
  name: string,
  args: IstioObjectArgs<Spec>,
  opts?: pulumi.CustomResourceOptions,
) => k8s.apiextensions.CustomResource & { readonly spec: pulumi.Output<Spec> };

/**
 * Makes the class of an Istio custom resource. Its type token is the standard one, `kubernetes:<apiVersion>:<Kind>`, so that a
 * program may later use a generated SDK without a replacement of the object.
 */
export function istioObject<Spec>(apiVersion: string, kind: string): IstioObjectClass<Spec> {
  return class extends k8s.apiextensions.CustomResource {
    declare readonly spec: pulumi.Output<Spec>;

    constructor(name: string, args: IstioObjectArgs<Spec>, opts?: pulumi.CustomResourceOptions) {
      super(name, { apiVersion, kind, metadata: args.metadata, spec: args.spec }, opts);
    }
  };
}
