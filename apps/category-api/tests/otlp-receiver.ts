import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** An HTTP request to a collector. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A collector that records requests, or one that never answers. */
export class OtlpReceiver {
  readonly received: Received[] = [];

  private constructor(private readonly server: Server) {}

  static async start({ answers }: { answers: boolean }): Promise<OtlpReceiver> {
    const receiver: OtlpReceiver = new OtlpReceiver(
      createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
          const { url = "", headers } = request;
          receiver.received.push({ path: url, headers, body: Buffer.concat(chunks) });
          if (answers) response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
        });
      }),
    );
    receiver.server.listen(0, "127.0.0.1");
    await once(receiver.server, "listening");
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
