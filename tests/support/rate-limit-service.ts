import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import path from "node:path";

/** The entries of a descriptor: key → value. */
export type Descriptor = Readonly<Record<string, string>>;

interface RateLimitRequest {
  readonly domain: string;
  readonly descriptors: readonly {
    readonly entries: readonly { readonly key: string; readonly value: string }[];
  }[];
}

/** A rate limit service that decides by a function and keeps what it was asked. */
export class RateLimitService {
  readonly asked: { readonly domain: string; readonly descriptors: readonly Descriptor[] }[] = [];
  private server: grpc.Server | undefined;

  /** `allow` says whether a descriptor is within its limit; a request is, when all of its descriptors are. */
  constructor(private readonly allow: (descriptor: Descriptor) => boolean) {}

  /** Listens at `address`, as `host:port`. */
  async start(address: string): Promise<void> {
    const definition = loadSync(path.join(__dirname, "rate-limit-service.proto"), { enums: String });
    const service = definition["envoy.service.ratelimit.v3.RateLimitService"] as grpc.ServiceDefinition;
    const server = new grpc.Server();
    server.addService(service, {
      ShouldRateLimit: (
        { request }: { readonly request: RateLimitRequest },
        answer: grpc.sendUnaryData<unknown>,
      ) => {
        const descriptors = request.descriptors.map(({ entries }) =>
          Object.fromEntries(entries.map(({ key, value }) => [key, value])),
        );
        this.asked.push({ domain: request.domain, descriptors });
        const codes = descriptors.map((descriptor) => (this.allow(descriptor) ? "OK" : "OVER_LIMIT"));
        answer(null, {
          overallCode: codes.includes("OVER_LIMIT") ? "OVER_LIMIT" : "OK",
          statuses: codes.map((code) => ({
            code,
            currentLimit: { requestsPerUnit: 100, unit: "MINUTE" },
            limitRemaining: code === "OK" ? 99 : 0,
            durationUntilReset: { seconds: 30 },
          })),
        });
      },
    });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    this.server = server;
  }

  stop(): void {
    this.server?.forceShutdown();
  }
}
