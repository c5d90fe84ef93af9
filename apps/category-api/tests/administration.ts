import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { Administrators } from "../src/administrators";
import type { Database } from "../src/database";
import type { RunningApi } from "./running-api";

export const USERNAME = "admin@shopizer.com";
export const PASSWORD = "a password for tests";
export const ADMINISTRATORS = new Administrators("a secret for tests ".repeat(4));

/** Hash of {@link PASSWORD} with fast parameters; the service's own take a fifth of a second for each login. */
const HASH = `scrypt$2$1$1$$${scryptSync(PASSWORD, "", 32, { N: 2, r: 1, p: 1 }).toString("base64")}`;

/** Creates the administrator and returns a token. */
export async function logIn(api: RunningApi, database: Database): Promise<string> {
  await database.query(
    `insert into admin_user (username, password_hash, store_id, groups)
     select $1, $2, id, '{SUPERADMIN}' from store where code = 'DEFAULT'
     on conflict (username) do update set password_hash = excluded.password_hash`,
    [USERNAME, HASH],
  );
  const body = JSON.stringify({ username: USERNAME, password: PASSWORD });
  const { status, text } = await api.request("POST", "/api/v1/private/login", {}, body);
  assert.equal(status, 200, text);
  return (JSON.parse(text) as { token: string }).token;
}
