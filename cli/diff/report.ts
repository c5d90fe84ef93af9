/** What `shopzier diff` finds: plain data, which every format prints. */
import type { ChangeKind } from "../requests/outcomes";
import type { Step } from "../side";

/** Where requests that match a rule go. */
export type Target =
  | { readonly kind: "split"; readonly shares: readonly Share[] }
  | { readonly kind: "redirect"; readonly to: string }
  | { readonly kind: "answer"; readonly status: number }
  /** A VirtualService that has the rules. */
  | { readonly kind: "delegate"; readonly to: string };

/** A part of the requests. */
export interface Share {
  /** `v2`, or `reviews v2` where the rules of a VirtualService name several services. */
  readonly to: string;
  /** 0 to 100. The shares of a rule sum to 100, except for a rule that Istio refuses. */
  readonly percent: number;
  /** Pods that serve it. Absent where the objects do not say. */
  readonly pods?: number;
  /** Requests per second of each pod. Absent without a rate or without pods. */
  readonly perPod?: number;
}

/** A rule that sends requests elsewhere than before, or takes others. */
export interface RuleChange {
  readonly kind: "added" | "removed" | "changed" | "moved";
  /** Of its VirtualService: `category/category`. */
  readonly virtualService: string;
  readonly hosts: readonly string[];
  /** Its name, or its place among the rules: `2.`. */
  readonly rule: string;
  /** In words: `GET /api/v1/category, cookie cohort=b`. */
  readonly match: string;
  /** Absent for a rule that is added. */
  readonly before?: Target;
  /** Absent for a rule that is removed. */
  readonly after?: Target;
  /** The name that the rule had. */
  readonly renamedFrom?: string;
  /** Whether an earlier rule takes all requests that it matches. */
  readonly unreachable?: true;
}

/** A field that differs. */
export interface SettingChange {
  /** As keyOf has it: `DestinationRule category/category-v1`. */
  readonly object: string;
  /** Path below `spec`; items of lists by name: `http[category].timeout`. */
  readonly field: string;
  /** As text of one line. Absent: not there. */
  readonly before?: string;
  readonly after?: string;
  /** Of a list of texts, in the place of `before` and `after`: what it has no more, and what is new in it. */
  readonly removed?: string;
  readonly added?: string;
}

/** How much a risk weighs. */
export const LEVELS = ["low", "medium", "high"] as const;
export type Level = (typeof LEVELS)[number];

/** Why to look twice. */
export interface Risk {
  /** `W012`, an anchor of docs/risks.md. */
  readonly code: string;
  readonly level: Level;
  /** As keyOf has it, or the rule. */
  readonly where: string;
  /** What was found, in one sentence. */
  readonly why: string;
  /** What to do, in one sentence. */
  readonly fix: string;
}

/** An object that is made, changed or deleted. */
export type ObjectChange = Pick<Step, "operation" | "object">;

/** Requests that are treated differently, as a group. */
export interface RequestGroup {
  readonly kind: ChangeKind;
  /** In words: `GET /api/v1/category/*`. */
  readonly what: string;
  readonly before: string;
  readonly after: string;
  readonly count: number;
  /** The smallest example, as a curl command line. Secrets stand in angle brackets. */
  readonly example: string;
}

export interface RequestChanges {
  /** Absent: the requests follow from the objects, one for each way in which they differ. */
  readonly file?: { readonly name: string; readonly total: number; readonly unchanged: number };
  /** The most urgent first. */
  readonly groups: readonly RequestGroup[];
}

/** What an edit does, for one stack or one pair of sides. */
export interface Report {
  readonly title: string;
  /** Titles of the sides. */
  readonly sides: { readonly before: string; readonly after: string };
  /** One or two sentences: what a reviewer needs to know. */
  readonly headline: string;
  /** Why the report is not whole. */
  readonly error?: string;
  /** The most important first. */
  readonly rules: readonly RuleChange[];
  readonly settings: readonly SettingChange[];
  /** The heaviest first. */
  readonly risks: readonly Risk[];
  readonly requests?: RequestChanges;
  readonly objects: readonly ObjectChange[];
  /** Objects that cannot be read, in words. They are on neither side. */
  readonly unread?: readonly string[];
  /** What was not looked at, in words. */
  readonly notShown: readonly string[];
  /** SHA-256 over what decides about requests on a side: `shopzier check` compares it. */
  readonly digests: { readonly before: string; readonly after: string };
}

/** What `shopzier diff --json` prints. Fields may be added to version 1; none changes its meaning or goes. */
export interface ReportFile {
  readonly version: 1;
  readonly reports: readonly Report[];
}
