/** Reports of `shopzier watch` about a shift, in which v2 fails too often once it has a quarter of the requests. */
import { beginWatch, reportOf, withReading, type WatchReport } from "../../cli/watch/model";
import { criteriaOf } from "../../components/observability/prometheus-counters";
import { splitOf, type Split } from "../../components/observability/route-split";

const SECONDS = 5;
const RATE = 100;

export function shiftReports(): WatchReport[] {
  const route = (v2: number): Split =>
    splitOf({
      metadata: { name: "shop", namespace: "web" },
      spec: {
        http: [
          {
            name: "all",
            route: Object.entries({ v1: 100 - v2, v2 }).map(([subset, weight]) => ({
              destination: { host: "shop.web.svc.cluster.local", port: { number: 8080 }, subset },
              weight,
            })),
          },
        ],
      },
    }) as Split;
  const counters = { v1: { requests: 0, failed: 0 }, v2: { requests: 0, failed: 0 } };
  let state = beginWatch({ split: route(5), criteria: criteriaOf({}) });
  return Array.from({ length: 72 }, (_, i) => {
    const v2 = i < 30 ? 5 : i < 48 ? 10 : i < 58 ? 25 : 0;
    const { shares } = route(v2);
    const requests = RATE * SECONDS;
    // A wave in place of chance, so that the picture is always the same.
    const ofV2 = Math.round(
      (requests * v2) / 100 + 1.5 * Math.sqrt((requests * v2) / 100) * Math.sin(i * 2.1),
    );
    const failing = v2 === 25 ? Math.round(ofV2 * 0.02) : 0;
    counters.v1.requests += requests - ofV2;
    counters.v2.requests += ofV2;
    counters.v2.failed += failing;
    const counts = ({ requests, failed }: { requests: number; failed: number }) => ({
      errors: { bad: failed, of: requests },
      latency: { bad: Math.round(requests / 400), of: requests },
    });
    const at = 1_800_000_000 + i * SECONDS;
    const reading = { at, shares, pods: { gateway: { v1: counts(counters.v1), v2: counts(counters.v2) } } };
    state = withReading(state, reading);
    return reportOf(state, {
      at: new Date(at * 1000).toISOString(),
      configured: shares,
      gateways: [{ pod: "gateway", shares }],
      counters: { reading, unclear: [] },
    });
  });
}
