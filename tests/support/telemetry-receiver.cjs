// Takes OTLP over gRPC (4317) and Datadog's protocol (8126), and tells on 9000 what came. Arguments: the address to listen
// at, and a certificate's file without ".crt" and ".key", to take OTLP over TLS too (443).
"use strict";
const { Buffer } = require("node:buffer");
const { readFileSync } = require("node:fs");
const http = require("node:http");
const http2 = require("node:http2");
const { argv } = require("node:process");

const [, , address, certificate] = argv;
let received = [];

function record(port, path, headers, chunks) {
  const plain = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  received.push({ port, path, headers: plain, text: Buffer.concat(chunks).toString("latin1") });
}

const otlp = (port) => (stream, headers) => {
  const chunks = [];
  stream.on("data", (chunk) => chunks.push(chunk));
  stream.on("error", () => undefined);
  stream.on("end", () => {
    record(port, headers[":path"], headers, chunks);
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.alloc(5)); // an empty message
  });
};
http2.createServer().on("stream", otlp(4317)).listen(4317, address);
if (certificate !== undefined) {
  const [cert, key] = ["crt", "key"].map((kind) => readFileSync(`${certificate}.${kind}`));
  http2
    .createSecureServer({ cert, key })
    .on("stream", otlp(443))
    .on("tlsClientError", ({ code }, { servername }) => {
      record(443, "refused", { code, servername }, []);
    })
    .listen(443, address);
}

function collect(port) {
  http
    .createServer((request, response) => {
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        record(port, request.url, request.headers, chunks);
        response.setHeader("content-type", "application/json").end("{}");
      });
    })
    .listen(port, address);
}
collect(8126);

http
  .createServer((request, response) => {
    if (request.method === "DELETE") received = [];
    response.end(JSON.stringify(received));
  })
  .listen(9000, address);
