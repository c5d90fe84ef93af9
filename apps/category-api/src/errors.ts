import { STATUS_CODES } from "node:http";

/** A request that is answered with `{errorCode, message}`, the body of the errors that Shopizer handles. */
export class RequestError extends Error {
  /** Headers of the answer. */
  readonly headers: Readonly<Record<string, string>> = {};

  /** @param errorCode Shopizer's code, if it differs from the status. */
  constructor(
    readonly status: 400 | 401 | 404 | 409 | 429,
    message: string,
    private readonly errorCode: string = String(status),
  ) {
    super(message);
  }

  body() {
    return { errorCode: this.errorCode, message: this.message };
  }
}

/** 400: the request cannot be understood. */
export class BadRequest extends RequestError {
  constructor(message: string, errorCode?: string) {
    super(400, message, errorCode);
  }
}

/** 401: the administrator may not do this. (Shopizer does not answer 403.) */
export class Forbidden extends RequestError {
  constructor(message: string) {
    super(401, message);
  }
}

/** 404: the requested object does not exist. */
export class NotFound extends RequestError {
  constructor(message: string) {
    super(404, message);
  }
}

/** 409: the object to be created exists. */
export class Conflict extends RequestError {
  constructor(message: string) {
    super(409, message);
  }
}

/** 429: too many requests at this time. */
export class TooManyRequests extends RequestError {
  override readonly headers = { "retry-after": "1" };

  constructor(message: string) {
    super(429, message);
  }
}

/** The body of errors that Shopizer leaves to its framework; without a path if there is none. */
export function frameworkBody(status: number, url?: string) {
  return {
    timestamp: new Date().toISOString().replace("Z", "+00:00"),
    status,
    error: STATUS_CODES[status] ?? "Unknown",
    path: url?.split("?", 1)[0],
  };
}
