import { STATUS_CODES } from "node:http";

/** A request that is answered with `{errorCode, message}`, the body of the errors that Shopizer handles. */
export class RequestError extends Error {
  constructor(
    readonly status: 400 | 404,
    message: string,
  ) {
    super(message);
  }

  body() {
    return { errorCode: String(this.status), message: this.message };
  }
}

/** 400: the request cannot be understood. */
export class BadRequest extends RequestError {
  constructor(message: string) {
    super(400, message);
  }
}

/** 404: what the request names does not exist. */
export class NotFound extends RequestError {
  constructor(message: string) {
    super(404, message);
  }
}

/** The body of errors that Shopizer leaves to its framework. */
export function frameworkBody(status: number, url: string) {
  return {
    timestamp: new Date().toISOString().replace("Z", "+00:00"),
    status,
    error: STATUS_CODES[status] ?? "Unknown",
    path: url.split("?", 1)[0],
  };
}
