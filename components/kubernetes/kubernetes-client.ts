/** The part of the Kubernetes client that this package uses. `npm run bundle` makes one file of it. */
export {
  AdmissionregistrationV1Api,
  AppsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  KubernetesObjectApi,
  loadYaml,
  Observable,
  PortForward,
  VersionApi,
} from "@kubernetes/client-node";
