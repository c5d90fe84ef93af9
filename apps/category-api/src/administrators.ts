import { createHash, createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import type { Database } from "./database";
import { TooManyRequests } from "./errors";
import { hashPassword, verifyPassword } from "./passwords";
import { Turns } from "./turns";

/** A logged-in user. */
export interface Administrator {
  readonly id: string;
  readonly storeId: string;
  readonly groups: readonly string[];
}

/** Answer to a successful login, in Shopizer's form. */
export interface Login {
  readonly id: number;
  readonly token: string;
}

/** The administrator that the service creates; the name is Shopizer's. */
const FIRST_USERNAME = "admin@shopizer.com";

const ALGORITHM = "HS512";
/** Lifetime of a token in seconds: a week, as in Shopizer. */
const TOKEN_LIFE = 7 * 24 * 3600;

// Each password check occupies one of libuv's four threads, which DNS lookups and token checks need too.
// Addresses take turns: a client that guesses passwords does not lock out the owner.
const CHECKS = { atOnce: 2, waiting: 100, waitingEach: 10, patience: 10_000 };

const EDITORS = ["SUPERADMIN", "ADMIN", "ADMIN_CATALOGUE", "ADMIN_RETAIL"];

const BY_USERNAME = `/* administrator */
select id::text as id, store_id::text as "storeId", groups, password_hash as "passwordHash"
from admin_user where username = $1`;

// Replaces only the hash that was read, $3. Another replica may have written its own meanwhile, with another salt, and the
// tokens of that one must stay valid.
const SET_PASSWORD = `/* set password */
insert into admin_user (username, password_hash, store_id, groups)
select $1, $2, id, array['SUPERADMIN'] from store where code = 'DEFAULT'
on conflict (username) do update set password_hash = excluded.password_hash where admin_user.password_hash = $3
returning id::text as id`;

interface User extends Administrator {
  readonly passwordHash: string;
}

/**
 * Login and tokens of administrators. Tokens are signed with a secret that all versions and replicas share, so each accepts
 * them. The user is read with every request, so a change of password, groups or store applies at once.
 */
export class Administrators {
  private readonly key: KeyObject;
  // Compared with if there is no such user, so that the time does not reveal that.
  private readonly nobody = hashPassword(randomBytes(16).toString("hex"));
  private readonly checks = new Turns(CHECKS, () => new TooManyRequests("too many logins at the same time"));

  constructor(secret: string) {
    this.key = createSecretKey(secret, "utf8");
  }

  /** Sets the password of the first administrator. */
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
   * @param client address of the client
   * @returns a token, or undefined if name or password is wrong
   * @throws {@link TooManyRequests}
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

  /** The user of an `Authorization` header; undefined if it has no valid token. */
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

  /** Whether the administrator may change categories of any store. */
  static mayEdit({ groups }: Administrator): boolean {
    return EDITORS.some((group) => groups.includes(group));
  }

  /** Whether the administrator may change a store. */
  static mayEditStore(administrator: Administrator, storeId: string): boolean {
    return administrator.groups.includes("SUPERADMIN") || administrator.storeId === storeId;
  }
}

/** Fingerprint of a password's hash, by which a token is valid only until the password changes. */
function fingerprint({ passwordHash }: User): string {
  return createHash("sha256").update(passwordHash).digest("base64url").slice(0, 22);
}

async function find(database: Database, username: string): Promise<User | undefined> {
  const [user] = await database.query<User>(BY_USERNAME, [username]);
  return user;
}
