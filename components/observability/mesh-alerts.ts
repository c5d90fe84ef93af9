/** Alert rules about the mesh itself: istiod, the ingress gateway, webhooks and certificates. */
import { labelSelector } from "../kubernetes/pods";
import type { Rule, RuleGroup } from "./prometheus-rules";
import { gatewayUp } from "./queries";

export interface MeshRulesArgs {
  /** Lowest number of istiod's pods. Default 1. */
  readonly istiodPods?: number;
  /** Lowest number of the ingress gateway's pods. Default 1. */
  readonly gatewayPods?: number;
  /** Default `istio-ingress`. */
  readonly gatewayNamespace?: string;
  /** Labels of the gateway's pods. Default `istio: ingressgateway`. */
  readonly gatewayLabels?: Readonly<Record<string, string>>;
}

/**
 * PromQL for events of the last five minutes.
 *
 * Counters of istiod and of the API server have no series before their first event, so `increase` misses that event. For this
 * reason a new series counts as an event, with two conditions:
 * - Prometheus scraped the target five minutes ago (its `up` was 1). After a failed scrape, an old series looks new.
 * - Or the process started since then, so that all its events are new. 30 s are added for the first scrape.
 *
 * If nothing has an `up` of five minutes ago, Prometheus itself is new, and no new series counts.
 */
function events(by: string, series: string): string {
  return [
    `sum by (${by}) (increase(${series}[5m])) > 0`,
    `or sum by (${by}) (`,
    `  (${series} unless ${series} offset 5m)`,
    "  and on (job, instance) (up offset 5m == 1 or process_start_time_seconds > time() - 330)",
    "  and on () up offset 5m",
    ") > 0",
  ].join("\n");
}

/** PromQL: some targets answer, but fewer than exist, or than `pods`. The value is the number that answer. */
function tooFew(up: string, pods: number): string {
  return `sum(${up}) > 0 < clamp_min(count(${up}), ${pods})`;
}

/** Alert rules of the mesh, independent of its services. */
export function meshRules({
  istiodPods = 1,
  gatewayPods = 1,
  gatewayNamespace = "istio-ingress",
  gatewayLabels = { istio: "ingressgateway" },
}: MeshRulesArgs = {}): RuleGroup {
  const gateway = gatewayUp(gatewayNamespace, gatewayLabels);
  const alert = (
    name: string,
    severity: "page" | "ticket",
    hold: string,
    expr: string,
    summary: string,
    description: string,
  ): Rule => ({
    alert: name,
    expr,
    for: hold,
    labels: { severity },
    annotations: { summary, description },
  });
  return {
    name: "mesh",
    rules: [
      alert(
        "IstiodDown",
        "page",
        "2m",
        'absent(up{app="istiod"} == 1)',
        "No istiod answers Prometheus",
        "Traffic goes on as configured last; nothing new reaches the proxies and no pod gets a sidecar.",
      ),
      alert(
        "IngressGatewayDown",
        "page",
        "2m",
        `absent(${gateway} == 1)`,
        "No ingress gateway answers Prometheus",
        "Nobody outside the cluster reaches the service.",
      ),
      alert(
        "IstiodDegraded",
        "ticket",
        "5m",
        tooFew('up{app="istiod"}', istiodPods),
        "Only {{ $value }} of istiod's pods answer Prometheus",
        "The others are missing or hang: `kubectl get pods -n istio-system -l app=istiod`.",
      ),
      alert(
        "IngressGatewayDegraded",
        "ticket",
        "5m",
        tooFew(gateway, gatewayPods),
        "Only {{ $value }} of the ingress gateway's pods answer Prometheus",
        `The others are missing or hang: \`kubectl get pods -n ${gatewayNamespace} -l ${labelSelector({ labels: gatewayLabels })}\`.`,
      ),
      alert(
        "ProxyConfigRejected",
        "ticket",
        "0m",
        events("type", "pilot_total_xds_rejects"),
        "Proxies refuse configuration of type {{ $labels.type }}",
        "They go on with what they had: `istioctl proxy-status`, and the log of istiod for the reason. The alert ends five minutes after the last refusal, whether or not the configuration was repaired.",
      ),
      alert(
        "ProxyConfigSlow",
        "ticket",
        "5m",
        "histogram_quantile(0.99, sum by (le) (rate(pilot_proxy_convergence_time_bucket[5m]))) > 10",
        "Configuration takes {{ $value | humanizeDuration }} to reach the proxies",
        "A shift of traffic takes effect late: look at istiod's CPU and the number of proxies.",
      ),
      alert(
        "IstioWebhookFailing",
        "page",
        "0m",
        events(
          "name",
          'apiserver_admission_webhook_rejection_count{name=~".*istio.io",error_type=~"calling_webhook_error|apiserver_internal_error"}',
        ),
        "The API server cannot call Istio's webhook {{ $labels.name }}",
        "Istio objects and pods with a sidecar are refused: is istiod up, and do its webhooks have its certificate?",
      ),
      alert(
        "SidecarInjectionFailing",
        "ticket",
        "0m",
        events("", "sidecar_injection_failure_total"),
        "istiod failed to inject a sidecar",
        "Pods start without a proxy or not at all: the log of istiod says why.",
      ),
      alert(
        "MeshRootCertificateExpires",
        "ticket",
        "1h",
        "min(citadel_server_root_cert_expiry_timestamp) - time() < 30 * 86400",
        "The root certificate of the mesh ends in {{ $value | humanizeDuration }}",
        "When it ends, no proxy trusts another one: renew it and let both be trusted for a while.",
      ),
      alert(
        "WorkloadCertificateExpires",
        "page",
        "5m",
        "min by (namespace, pod) (istio_agent_cert_expiry_seconds) < 3600",
        "The certificate of {{ $labels.namespace }}/{{ $labels.pod }} ends in {{ $value | humanizeDuration }}",
        "The agent renews it at half its time: it cannot reach istiod.",
      ),
      alert(
        "GatewayCertificateExpires",
        "ticket",
        "1h",
        // Envoy's name of the series contains the name of the Secret.
        'min by (certificate) (label_replace({__name__=~"envoy_listener_ssl_certificate_kubernetes_.+_expiration_unix_time_seconds"}, "certificate", "$1", "__name__", "envoy_listener_ssl_certificate_kubernetes_+(.+)_expiration_unix_time_seconds")) - time() < 14 * 86400',
        "The gateway's certificate {{ $labels.certificate }} ends in {{ $value | humanizeDuration }}",
        "Clients refuse it then: renew it in its Secret, which the gateway takes up by itself.",
      ),
    ],
  };
}
