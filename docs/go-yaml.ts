import { isScalar, parseDocument, visit } from "yaml";

/** Value of a scalar without quotes as Pulumi's YAML reader (gopkg.in/yaml.v3) reads it. */
export function goScalar(written: string): unknown {
  if (/^(~|null|Null|NULL|)$/.test(written)) return null;
  if (/^(true|True|TRUE|false|False|FALSE)$/.test(written)) return /^t/i.test(written);
  const plain = written.replaceAll("_", "");
  const [, sign = "", based] = /^([-+]?)(0[box][\da-f]+|0[0-7]+)$/i.exec(plain) ?? [];
  if (based !== undefined) {
    const value = /^0\d/.test(based) ? parseInt(based, 8) : Number(based);
    return Number.isNaN(value) ? written : sign === "-" ? -value : value;
  }
  if (/^[-+]?(\.\d+|\d+(\.\d*)?)(e[-+]?\d+)?$/i.test(plain) && !written.startsWith("_")) return Number(plain);
  const [, date = "", , time = "00:00:00"] =
    /^(\d{4}-\d\d?-\d\d?)([Tt ](\d\d:\d\d:\d\d)Z?)?$/.exec(written) ?? [];
  if (date === "") return written;
  const day = date.replaceAll(/-(\d)(?!\d)/g, "-0$1");
  return Number.isNaN(Date.parse(day)) ? written : `${day} ${time} +0000 UTC`;
}

/** The values of a YAML text as Go reads them. */
export function goYaml(text: string): unknown {
  const document = parseDocument(text, { merge: true, logLevel: "silent" });
  visit(document, {
    Scalar: (key, node) => {
      if (key !== "key" && isScalar(node) && node.type === "PLAIN") node.value = goScalar(node.source ?? "");
    },
  });
  return document.toJS();
}
