/** What GitHub and GitLab have in common: the comments of one pull or merge request. */
import type { Api } from "./api";

export interface OwnComment {
  readonly id: number;
  readonly body: string;
}

export interface Forge {
  readonly api: Api;
  /** `pull request 7 of shop/mesh` */
  readonly where: string;
  /** The commit that the report is about. */
  readonly commit: string;
  /** Address of the run that made the report. */
  readonly run?: string;
  /** The comments that this token's user wrote, the oldest first. What others wrote is never touched, whatever it says. */
  own(): Promise<readonly OwnComment[]>;
  create(body: string): Promise<unknown>;
  update(id: number, body: string): Promise<unknown>;
}

/** There is nothing to comment on: why. */
export interface Nothing {
  readonly nothing: string;
}

/** The newest commit alone is commented on: a run of an older one may end later, after a force push for instance. */
export const outdated = (commit: string): string =>
  `The report is about ${commit.slice(0, 7)}, which is the head of no open request any more. The newest commit's run comments.`;

export type Environment = Readonly<Record<string, string | undefined>>;
