import type { Sticky } from "../../../components/traffic/sticky";
import { exactlyOne, object, WHEN_OBJECT } from "./fields";
import { cookieName, headerName } from "./http-names";

export const sticky = object(
  {
    cookie: cookieName(
      "Tell clients apart by this cookie. The gateway gives a client one that has none; it lives for 30 days.",
      "shop-version",
    ).exactOptional(),
    header: headerName(
      "Tell clients apart by this request header. Requests without it are split one by one.",
      "x-user-id",
    ).exactOptional(),
  },
  "Lets a client keep its version: while a share grows, nobody leaves the growing version. Exactly one of cookie and header; at the gateway alone. Default: each request is split by itself.",
)
  .superRefine(exactlyOne(["cookie", "header"]), WHEN_OBJECT)
  .transform((by) => by as Sticky);
