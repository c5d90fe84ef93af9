import assert from "node:assert/strict";
import { Administrators } from "../src/administrators";
import type { Database } from "../src/database";
import type { RunningApi } from "./running-api";

export const USERNAME = "admin@shopizer.com";
export const PASSWORD = "a password for tests";
export const ADMINISTRATORS = new Administrators("a secret for tests ".repeat(4));

/** Makes the administrator and returns a token for it. */
export async function logIn(api: RunningApi, database: Database): Promise<string> {
  await Administrators.ensureFirst(database, PASSWORD);
  const body = JSON.stringify({ username: USERNAME, password: PASSWORD });
  const { status, text } = await api.request("POST", "/api/v1/private/login", {}, body);
  assert.equal(status, 200, text);
  return (JSON.parse(text) as { token: string }).token;
}
