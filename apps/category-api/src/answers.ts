import type { FastifyReply, FastifyRequest } from "fastify";
import { frameworkBody } from "./errors";

const JSON_TYPE = "application/json";
const ACTUATOR_TYPE = "application/vnd.spring-boot.actuator.v3+json";

/** Answers with JSON. */
export function send(reply: FastifyReply, status: number, body: unknown, type = JSON_TYPE): FastifyReply {
  // As a buffer, because Fastify adds a charset to the type of JSON text, which Shopizer does not.
  return reply
    .code(status)
    .header("content-type", type)
    .send(Buffer.from(JSON.stringify(body)));
}

/** Answers with the error body of Shopizer's framework, which has the path. */
export function sendFrameworkError(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
): FastifyReply {
  return send(reply, status, frameworkBody(status, request.raw.url ?? request.url));
}

/** Answers a probe. */
export function sendHealth(reply: FastifyReply, up: boolean, more = {}): FastifyReply {
  return send(reply, up ? 200 : 503, { status: up ? "UP" : "OUT_OF_SERVICE", ...more }, ACTUATOR_TYPE);
}
