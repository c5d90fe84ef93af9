/** Files of requests. The format is seen from what a file holds. */
import { isObject } from "../side";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import type { SimulatedRequest } from "../../components/simulator";
import { fieldsOfLine, isLogged, loggedRequest } from "./access-log";
import { harRequests } from "./har";
import { requestFrom, type ReadRequest } from "./request-fields";

export interface ReadRequests {
  readonly format: "HAR" | "YAML" | "lines";
  readonly requests: readonly SimulatedRequest[];
  /** Lines, or entries of a list, that are no requests. */
  readonly skipped: number;
  /** The first of them, in words that repeat nothing of the file. */
  readonly firstSkipped: readonly Skipped[];
}

export interface Skipped {
  /** Counted from 1; of a list the entry. */
  readonly line: number;
  readonly problem: string;
}

/** How many of those that were skipped are shown. */
const SHOWN = 3;

const ALLOWED =
  "allowed: a HAR, an access log of Envoy (Istio's text or JSON, or this package's), requests as JSON lines, or a YAML list; " +
  'a request is {"method": "GET", "url": "https://shop.example.com/api", "headers": {}} or `GET https://shop.example.com/api`';

/**
 * Requests of a file.
 *
 * @throws Error that says what was found and what is allowed, where the file cannot be read or has no request.
 */
export function readRequests(file: string): ReadRequests {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`${file}: ${READ_ERRORS[code ?? ""] ?? "cannot be read"}; name a file of requests`, {
      cause: error,
    });
  }
  return parseRequests(text, file);
}

const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EISDIR: "is a folder",
  EACCES: "may not be read",
  ERR_STRING_TOO_LONG: "is larger than 512 MB; split it",
};

/** `name`: of the file, for errors. */
export function parseRequests(text: string, name: string): ReadRequests {
  const start = text
    .slice(0, 5000)
    .replace(/^(\s*#.*\n)+/, "")
    .trimStart();
  const read =
    archived(start, text, name) ??
    (/^(- |\[\s*[{\]"]|---)/.test(start) ? listed(text, name) : undefined) ??
    ofLines(text);
  if (read.requests.length > 0) return read;
  const [first] = read.firstSkipped;
  const found =
    read.skipped === 0 || !first
      ? "is empty"
      : `has no request in ${read.skipped} ${read.format === "lines" ? "lines" : "entries"}, the first: ${first.problem}`;
  throw new Error(`${name}: ${found}; ${ALLOWED}`);
}

function archived(start: string, text: string, name: string): ReadRequests | undefined {
  if (!/^\{\s*"log"\s*:/.test(start)) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new Error(`${name}: begins like a HAR and is no JSON, perhaps cut off; record it again`, {
      cause: error,
    });
  }
  const entries = harRequests(document);
  return entries && sortedOut("HAR", entries);
}

function listed(text: string, name: string): ReadRequests {
  let list: unknown;
  try {
    list = text.trimStart().startsWith("[") ? JSON.parse(text) : parse(text);
  } catch (error) {
    const [problem = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new Error(`${name}: is no YAML: ${problem.replace(/ in JSON at.*|"[^"]*"/g, "")}; ${ALLOWED}`, {
      cause: error,
    });
  }
  return sortedOut("YAML", Array.isArray(list) ? list.map(requestFrom) : []);
}

function ofLines(text: string): ReadRequests {
  const lines = text.split("\n");
  return sortedOut(
    "lines",
    lines.map((line) => (line.trim() === "" ? undefined : ofLine(line.trim()))),
  );
}

function ofLine(line: string): ReadRequest {
  if (line.startsWith("{")) {
    let fields: unknown;
    try {
      fields = JSON.parse(line);
    } catch {
      return "a line that begins like JSON and is none";
    }
    return isObject(fields) && isLogged(fields) ? loggedRequest(fields) : requestFrom(fields);
  }
  const fields = fieldsOfLine(line);
  return fields ? loggedRequest(fields) : requestFrom(line);
}

/** Undefined stands for an empty line. */
function sortedOut(format: ReadRequests["format"], read: readonly (ReadRequest | undefined)[]): ReadRequests {
  const requests: SimulatedRequest[] = [];
  const firstSkipped: Skipped[] = [];
  let skipped = 0;
  read.forEach((one, i) => {
    if (typeof one === "object") requests.push(one);
    else if (one !== undefined) {
      skipped++;
      if (firstSkipped.length < SHOWN) firstSkipped.push({ line: i + 1, problem: one });
    }
  });
  return { format, requests, skipped, firstSkipped };
}
