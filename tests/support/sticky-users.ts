/** Users who keep their cookie, over the steps of a shift. */
import assert from "node:assert/strict";
import { assertCount, STRICT_DOUBT, type Client } from "../../lab/client";

export const COOKIE = "shop-version";
export const USERS = 1000;

interface Seen {
  readonly version: string;
  readonly cookies: readonly string[];
}

export async function ask(client: Client, headers: Record<string, string>): Promise<Seen> {
  const response = await client.request({ headers });
  await response.body.dump();
  assert.equal(response.statusCode, 200);
  const cookies = [response.headers["set-cookie"] ?? []].flat();
  return { version: String(response.headers["x-category-version"]), cookies };
}

/** The answers to one request of each of `count` users, sixteen at a time. */
export async function all<T>(count: number, one: (user: number) => Promise<T>): Promise<T[]> {
  const seen: T[] = [];
  await Promise.all(
    Array.from({ length: 16 }, async (_, lane) => {
      for (let user = lane; user < count; user += 16) seen[user] = await one(user);
    }),
  );
  return seen;
}

export const onV2 = (seen: readonly Seen[]): number => seen.filter(({ version }) => version === "v2").length;
const versions = (seen: readonly Seen[]): string[] => seen.slice(0, 100).map(({ version }) => version);

/** {@link USERS} users at each share of v2: the share is right, none moves back, and a rule with the same weights treats each alike. */
export async function assertNobodyMovesBack(
  client: Client,
  shares: readonly number[],
  shift: (share: number) => Promise<unknown>,
): Promise<void> {
  const users: string[] = [];
  let before: Seen[] = [];
  for (const share of shares) {
    await shift(share);
    const now = await all(USERS, async (user) => {
      const own = users[user];
      const seen = await ask(client, own === undefined ? {} : { cookie: `lang=en; ${own}; theme=dark` });
      const [cookie, ...more] = seen.cookies;
      assert.deepEqual(more, []);
      // Only who had none gets one.
      assert.equal(cookie !== undefined, own === undefined);
      if (cookie !== undefined) {
        assert.match(cookie, /^shop-version=[\w-]+; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Lax$/);
        users[user] = cookie.split(";")[0] ?? "";
      }
      return seen;
    });
    assertCount(`v2 at ${share} %`, onV2(now), USERS, share, STRICT_DOUBT);
    const moved = before.filter(({ version }, user) => version === "v2" && now[user]?.version !== "v2");
    assert.equal(moved.length, 0, `moved back at ${share} %`);
    for (const lane of ["a", "b"]) {
      const again = await all(100, (user) => ask(client, { cookie: users[user] ?? "", "x-lane": lane }));
      assert.deepEqual(versions(again), versions(now), lane);
    }
    before = now;
  }
}

/** Traffic with a split by `sticky`, which a rule for lane b has too. */
export function stickyTraffic(sticky: object, v2: number): object {
  const weights = { v1: "rest", v2 };
  return { weights, sticky, rules: [{ name: "lane", match: { headers: { "x-lane": "b" } }, weights }] };
}
