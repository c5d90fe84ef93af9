/** Undefined for what is no JSON: the message of JSON.parse would repeat a part of the text, which may be a secret. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
