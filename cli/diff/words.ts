/** Numbers, shares and fields as text. */
import type { SettingChange, Share, Target } from "./report";

/** Exact to a hundredth: `33.33`. */
export const number = (value: number): string => String(Math.round(value * 100) / 100);

/** `v1 80  v2 20`: percent by destination. */
export function targetWords(target: Target | undefined): string {
  if (!target) return "none";
  switch (target.kind) {
    case "split":
      return target.shares.length === 0 ? "nowhere" : target.shares.map(shareWords).join("  ");
    case "redirect":
      return `redirect ${target.to}`;
    case "answer":
      return `answer ${target.status}`;
    case "delegate":
      return `rules of ${target.to}`;
  }
}

const shareWords = ({ to, percent }: Share, _index: number, all: readonly Share[]): string =>
  all.length === 1 && percent === 100 ? to : `${to} ${number(percent)}`;

/** Percent by destination; empty for what is not a split. */
export function sharesOf(target: Target | undefined): ReadonlyMap<string, Share> {
  const shares = target?.kind === "split" ? target.shares : [];
  return new Map(shares.map((share) => [share.to, share]));
}

/** `1 object`, `2 objects`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** A field: whose, which, and how it differs. */
export interface SettingRow {
  readonly object: string;
  readonly field: string;
  readonly change: string;
}

export function settingRow({ object, field, before, after, removed, added }: SettingChange): SettingRow {
  const list = [added && `+ ${added}`, removed && `− ${removed}`].filter(Boolean).join("  ");
  return { object, field: fieldName(field), change: list || `${before ?? "none"} → ${after ?? "none"}` };
}

/** Paths that everybody knows are shortened. */
const fieldName = (field: string): string =>
  field
    .replace(/^(rule .+?\.?)\.(?=[a-z])/, "$1: ")
    .replace(/^template\.spec\.containers\[([^\]]*)\]\.image$/, "image of $1")
    .replace(/^template\.spec\.containers\[([^\]]*)\]\./, "container $1: ");
