/** The part of the Kubernetes client that waits use; `npm run bundle` makes one file of it. */
export {
  AppsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  KubernetesObjectApi,
  Observable,
  PortForward,
} from "@kubernetes/client-node";
