/** The weights in a stack file: read, and written with all else as it was. */
import { isMap, isScalar, parseDocument, type Document, type YAMLMap } from "yaml";
import { weightProblems, type Weight, type Weights } from "../../components/traffic/weights";
import { trafficProblemText } from "../../components/traffic/traffic-messages";
import { SourceError } from "../sources/source-error";

/**
 * Where the weights stand: of project `shopzier` under `config`, `shopzier:traffic`, `weights`.
 *
 * @throws SourceError where the file is no YAML, or has no weights, or weights that are none.
 */
export function readWeights(text: string, project: string, file: string): Weights {
  const weights = Object.fromEntries(
    weightsOf(parsed(text, file), project, file).items.map((pair): [string, Weight] => [
      String(isScalar(pair.key) ? pair.key.value : pair.key),
      (isScalar(pair.value) ? pair.value.value : pair.value) as Weight,
    ]),
  );
  const odd = Object.entries(weights).find(([, weight]) => weight !== "rest" && typeof weight !== "number");
  if (odd) throw new SourceError(`${file}: the weight of ${odd[0]} is neither a number nor rest`);
  const [problem] = weightProblems(weights, Object.keys(weights));
  if (problem)
    throw new SourceError(`${file}: ${trafficProblemText(problem, [`${project}:traffic`, "weights"])}`);
  return weights;
}

/**
 * `text` with other weights. Each number is replaced in its place: comments, quotes, indents and line ends stay, also where the rest of
 * the file is written in a way of its own.
 *
 * @throws SourceError as {@link readWeights}.
 */
export function withWeights(text: string, project: string, file: string, weights: Weights): string {
  const { items } = weightsOf(parsed(text, file), project, file);
  const edits = items.flatMap(({ key, value }) => {
    const weight = weights[String(isScalar(key) ? key.value : key)];
    if (!isScalar(value) || !value.range || weight === undefined || value.value === weight) return [];
    return [{ from: value.range[0], to: value.range[1], weight: String(weight) }];
  });
  return edits
    .sort((a, b) => b.from - a.from)
    .reduce((edited, { from, to, weight }) => edited.slice(0, from) + weight + edited.slice(to), text);
}

function parsed(text: string, file: string): Document {
  const document = parseDocument(text, { prettyErrors: false, logLevel: "silent" });
  const [error] = document.errors;
  if (error) throw new SourceError(`${file}: is not YAML: ${error.message}`);
  return document;
}

function weightsOf(document: Document, project: string, file: string): YAMLMap {
  const found = document.getIn(["config", `${project}:traffic`, "weights"], true);
  const map = isMap(found) ? found : undefined;
  if (map?.items.every(({ value }) => isScalar(value))) return map;
  throw new SourceError(
    `${file}: found no weights under config, ${project}:traffic, weights\n` +
      "  allowed: a map of versions with numbers or rest, whose sum is 100\n" +
      `  repair:  write them there, as in\n    config:\n      ${project}:traffic:\n        weights:\n          v1: rest\n          v2: 10`,
  );
}
