/** Names in HTTP. */
import { text } from "./fields";

/** RFC 9110, token: the name of a header or of a cookie. */
export const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

export const headerName = (description: string, example: string) =>
  text(TOKEN, "the name of an HTTP header", { description, example });

export const cookieName = (description: string, example: string) =>
  text(TOKEN, "the name of a cookie", { description, example });

/** A method (RFC 9110). */
export const method = (description: string) =>
  text(
    /^[A-Z]{1,32}$/,
    "the name of an HTTP method, in capitals",
    { description, example: "GET" },
    (written) => written.trim().toUpperCase(),
  );
