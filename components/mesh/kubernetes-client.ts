/** The part of the Kubernetes client that hooks use; `npm run bundle` makes one file of it. */
export { CoreV1Api, KubeConfig, KubernetesObjectApi, PortForward } from "@kubernetes/client-node";
