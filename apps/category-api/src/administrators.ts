import { createHash, createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import type { Database } from "./database";
import { TooManyRequests } from "./errors";
import { hashPassword, verifyPassword } from "./passwords";
import { Turns } from "./turns";

/** Somebody who has logged in. */
export interface Administrator {
  readonly id: string;
  readonly storeId: string;
  readonly groups: readonly string[];
}

/** A successful login, as Shopizer answers it. */
export interface Login {
  readonly id: number;
  readonly token: string;
}

/** The administrator that the service makes by itself; the name is Shopizer's. */
const FIRST_USERNAME = "admin@shopizer.com";

const ALGORITHM = "HS512";
/** How long a token is good, in seconds: Shopizer's week. */
const TOKEN_LIFE = 7 * 24 * 3600;

// Each check keeps one of libuv's four threads busy, which name lookups and the check of tokens need as well.
// Who guesses from one address takes no more than its turns: the owner is let in meanwhile.
const CHECKS = { atOnce: 2, waiting: 100, waitingEach: 10, patience: 10_000 };

const EDITORS = ["SUPERADMIN", "ADMIN", "ADMIN_CATALOGUE", "ADMIN_RETAIL"];

const BY_USERNAME = `/* administrator */
select id::text as id, store_id::text as "storeId", groups, password_hash as "passwordHash"
from admin_user where username = $1`;

// Only over the hash that was read, $3: another replica may have written its own since, with its own salt, and tokens got
// by that one must stay good.
const SET_PASSWORD = `/* set password */
insert into admin_user (username, password_hash, store_id, groups)
select $1, $2, id, array['SUPERADMIN'] from store where code = 'DEFAULT'
on conflict (username) do update set password_hash = excluded.password_hash where admin_user.password_hash = $3
returning id::text as id`;

interface User extends Administrator {
  readonly passwordHash: string;
}

/**
 * Login and tokens of administrators. Tokens are signed with a secret that all versions and replicas share, so one is
 * good everywhere; the user behind it is looked up with every request, so that a change of password, groups or store
 * counts at once.
 */
export class Administrators {
  private readonly key: KeyObject;
  // Compared with when there is no such user, so that the time does not tell.
  private readonly nobody = hashPassword(randomBytes(16).toString("hex"));
  private readonly checks = new Turns(CHECKS, () => new TooManyRequests("too many logins at the same time"));

  constructor(secret: string) {
    this.key = createSecretKey(secret, "utf8");
  }

  /** Makes the password of the first administrator this one. */
  static async ensureFirst(database: Database, password: string): Promise<void> {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const user = await find(database, FIRST_USERNAME);
      if (user && (await verifyPassword(password, user.passwordHash))) return;
      const hash = await hashPassword(password);
      const set = await database.query(SET_PASSWORD, [FIRST_USERNAME, hash, user?.passwordHash ?? null]);
      if (set.length > 0) return;
    }
    throw new Error(`the password of ${FIRST_USERNAME} could not be set: others set it at the same time`);
  }

  /**
   * A token, or undefined when name or password is wrong. Throws {@link TooManyRequests}.
   * @param client the address from which it is asked for
   */
  async login(
    database: Database,
    username: string,
    password: string,
    client: string,
  ): Promise<Login | undefined> {
    const user = await find(database, username);
    const hash = user?.passwordHash ?? (await this.nobody);
    const right = await this.checks.take(() => verifyPassword(password, hash), client);
    if (!user || !right) return undefined;
    const token = await new SignJWT({ pwd: fingerprint(user) })
      .setProtectedHeader({ alg: ALGORITHM })
      .setSubject(username)
      .setIssuedAt()
      .setExpirationTime(`${TOKEN_LIFE}s`)
      .sign(this.key);
    return { id: Number(user.id), token };
  }

  /** Who sends this `Authorization` header; undefined when it holds no token that is good. */
  async authenticate(database: Database, header: string | undefined): Promise<Administrator | undefined> {
    const token = /^Bearer +(\S+)$/i.exec(header ?? "")?.[1];
    if (token === undefined) return undefined;
    try {
      const { payload } = await jwtVerify(token, this.key, {
        algorithms: [ALGORITHM],
        requiredClaims: ["sub", "exp"],
      });
      const user = await find(database, payload.sub ?? "");
      return user && payload.pwd === fingerprint(user) ? user : undefined;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  /** Whether the administrator may change categories at all. */
  static mayEdit({ groups }: Administrator): boolean {
    return EDITORS.some((group) => groups.includes(group));
  }

  /** Whether the administrator may change things of a store. */
  static mayEditStore(administrator: Administrator, storeId: string): boolean {
    return administrator.groups.includes("SUPERADMIN") || administrator.storeId === storeId;
  }
}

/** Ties a token to the password by which it was got. */
function fingerprint({ passwordHash }: User): string {
  return createHash("sha256").update(passwordHash).digest("base64url").slice(0, 22);
}

async function find(database: Database, username: string): Promise<User | undefined> {
  const [user] = await database.query<User>(BY_USERNAME, [username]);
  return user;
}
