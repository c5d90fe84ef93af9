/** The smallest components that make namespaces, under names that the test gives. */
import * as pulumi from "@pulumi/pulumi";
import { Dashboards } from "../../../components/index";

const service = { name: "category", namespace: "category", port: 8080, versions: ["v1"] };
for (const name of new pulumi.Config().requireObject<string[]>("components")) {
  new Dashboards(name, { service, namespace: `owned-${name.replace(/^renamed-/, "")}` });
}
