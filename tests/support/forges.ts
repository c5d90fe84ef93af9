/** The few routes of GitHub's and GitLab's API that comments need, with their limits and answers. */
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";

export interface StoredComment {
  readonly id: number;
  readonly author: string;
  body: string;
}

/** An answer in the place of the true one. `done`: the request takes effect all the same. */
export interface Fault {
  readonly method: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly done?: true;
}

export interface Pull {
  readonly number: number;
  readonly sha: string;
  readonly owner: string;
  readonly branch: string;
  readonly repository: number;
}

export class ForgeServer {
  readonly comments: StoredComment[] = [];
  readonly pulls: Pull[] = [];
  /** Each is used once, by the first request of its method. */
  faults: Fault[] = [];
  /** `POST /repos/shop/mesh/issues/7/comments`, in the order that they came. */
  readonly requests: string[] = [];
  me = "github-actions[bot]";
  longest = 65_536;
  private readonly server = http.createServer((request, response) => {
    void this.answer(request, response);
  });

  async start(): Promise<string> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  add(author: string, body: string): StoredComment {
    const added = { id: 100 + this.comments.length, author, body };
    this.comments.push(added);
    return added;
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    this.requests.push(`${method} ${url}`);
    const text = Buffer.concat(await request.toArray()).toString();
    const body = (text === "" ? {} : JSON.parse(text)) as { body?: string };
    const say = (status: number, content: unknown, headers: Readonly<Record<string, string>> = {}): void => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(content));
    };
    const fault = this.faults.find((one) => one.method === method && !url.startsWith("/graphql"));
    if (fault) {
      this.faults = this.faults.filter((one) => one !== fault);
      if (fault.done) this.dispatch(method, url, body, () => undefined);
      say(fault.status, fault.body ?? { message: "no" }, fault.headers);
      return;
    }
    const token = request.headers.authorization ?? request.headers["private-token"];
    if (token !== "Bearer secret-token" && token !== "secret-token") say(401, { message: "Bad credentials" });
    else this.dispatch(method, url, body, say);
  }

  private dispatch(
    method: string,
    url: string,
    { body = "" }: { body?: string },
    say: (status: number, content: unknown, headers?: Readonly<Record<string, string>>) => void,
  ): void {
    const { pathname, searchParams } = new URL(url, "http://x");
    const page = (all: readonly unknown[]): void => {
      const [number, size] = [
        Number(searchParams.get("page") ?? 1),
        Number(searchParams.get("per_page") ?? 30),
      ];
      const more = number * size < all.length;
      const link = `<http://x/?page=${number + 1}>; rel="next"`;
      say(200, all.slice((number - 1) * size, number * size), more ? { link } : {});
    };
    const gitLab = pathname.startsWith("/projects/");
    const shown = ({ id, author, body: words }: StoredComment) => ({
      id,
      body: words,
      user: { login: author },
      author: { id: author === this.me ? 1 : 2 },
    });
    const known = this.comments.find(({ id }) => pathname.endsWith(`/${id}`));
    const pull = this.pulls.find(({ number }) => pathname === `/repos/shop/mesh/pulls/${number}`);
    if (pathname === "/graphql") say(200, { data: { viewer: { login: this.me } } });
    else if (pathname === "/user") say(200, { id: 1 });
    else if (pathname === "/projects/42/merge_requests/7") say(200, { sha: this.pulls[0]?.sha });
    else if (pathname === "/repos/shop/mesh/pulls") {
      const head = searchParams.get("head");
      page(this.pulls.filter(({ owner, branch }) => head === `${owner}:${branch}`).map(pullShown));
    } else if (pull) say(200, pullShown(pull));
    else if ((method === "POST" || method === "PATCH" || method === "PUT") && body.length > this.longest) {
      const words = `is too long (maximum is ${this.longest} characters)`;
      if (gitLab) say(400, { message: { note: [words] } });
      else
        say(422, {
          message: "Validation Failed",
          errors: [{ resource: "IssueComment", field: "body", code: "custom", message: `body ${words}` }],
        });
    } else if (
      pathname === "/repos/shop/mesh/issues/7/comments" ||
      pathname === "/projects/42/merge_requests/7/notes"
    ) {
      if (method === "GET") page(this.comments.map(shown));
      else say(201, shown(this.add(this.me, body)));
    } else if (method === (gitLab ? "PUT" : "PATCH") && known) {
      known.body = body;
      say(200, shown(known));
    } else say(404, { message: "Not Found" });
  }
}

const pullShown = ({ number, sha, repository }: Pull) => ({
  number,
  head: { sha, repo: { id: repository } },
});
