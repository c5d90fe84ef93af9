import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import {
  certificateProblems,
  certificateServers,
  missingCertificates,
  refusal,
  secretCommand,
  secretsQuestion,
  tlsOfHosts,
  type SecretDump,
} from "../../components/security/tls-secrets";

/** For shop.example.com and the names below it, from 2026-11-30 to 2054-04-17. */
const chain = readFileSync(path.join(__dirname, "envoy", "shop.example.com.pem")).toString("base64");
const held = (name: string) => ({
  name,
  secret: { tls_certificate: { certificate_chain: { inline_bytes: chain } } },
});
const authorities = { name: "kubernetes://api-cacert", secret: { validation_context: {} } };

const all = tlsOfHosts(["shop.example.com", "api.example.com", "*.shop.example.com"], {
  credentialName: "shop",
  hosts: { "api.example.com": { credentialName: "api", mode: "MUTUAL" } },
});
const [shop, api] = all;
const date = (day: string): Date => new Date(`${day}T12:00:00Z`);

describe("certificates of a gateway", () => {
  it("are those of all its hosts, each Secret once, under host names that no client uses", () => {
    assert.deepEqual(
      all.map(({ credentialName, hosts }) => [credentialName, hosts]),
      [
        ["shop", ["shop.example.com", "*.shop.example.com"]],
        ["api", ["api.example.com"]],
      ],
    );
    assert.deepEqual(
      certificateServers(all, "shop").map(({ hosts, tls }) => [hosts, tls?.credentialName, tls?.mode]),
      [
        [["./certificate-0.shop.invalid"], "kubernetes://shop", "SIMPLE"],
        [["./certificate-1.shop.invalid"], "kubernetes://api", "MUTUAL"],
      ],
    );
  });

  it("are missing until the proxy has them, and with mode MUTUAL the CA certificates of clients too", () => {
    const missing = (...configs: NonNullable<SecretDump["configs"]>): string[] =>
      missingCertificates({ configs }, all).map(({ credentialName }) => credentialName);
    assert.deepEqual(missing(), ["shop", "api"]);
    assert.deepEqual(missing(held("kubernetes://shop"), held("default")), ["api"]);
    assert.deepEqual(missing(held("kubernetes://shop"), held("kubernetes://api")), ["api"]);
    assert.deepEqual(missing(held("kubernetes://shop"), held("kubernetes://api"), authorities), []);
    assert.ok(shop);
    const refused = { configs: [{ name: "kubernetes://shop", error_state: { details: "key mismatch" } }] };
    assert.equal(refusal(refused, shop), "key mismatch");
  });

  it("are read from the proxy by name", () => {
    const question = new URL(secretsQuestion(all), "http://envoy");
    const names = new RegExp(question.searchParams.get("name_regex") ?? "");
    for (const name of ["kubernetes://shop", "kubernetes://api-cacert"]) assert.match(name, names);
    for (const name of ["default", "kubernetes://shop2"]) assert.doesNotMatch(name, names);
  });

  it("have a command that creates the Secret for their mode", () => {
    assert.ok(shop && api);
    assert.equal(
      secretCommand(shop, "ingress"),
      "kubectl create secret tls shop --namespace ingress --cert=tls.crt --key=tls.key",
    );
    assert.match(secretCommand(api, "ingress"), /^kubectl create secret generic api .*--from-file=ca\.crt$/);
  });

  it("yield a warning if they do not match their hosts or expire soon", () => {
    const dump = { configs: [held("kubernetes://shop"), held("kubernetes://api")] };
    const other =
      "The certificate in Secret api is not for api.example.com: DNS:shop.example.com, DNS:*.shop.example.com.";
    const said = (day: string): string[] =>
      certificateProblems(dump, all, date(day)).map((text) => text.replace(/(,)? on .*/, ""));
    assert.deepEqual(certificateProblems(dump, all, date("2030-01-01")), [other]);
    assert.deepEqual(said("2054-04-02"), [other]);
    const shops = "The certificate in Secret shop";
    assert.equal(said("2054-04-04")[0], `${shops} ends in 12 days`);
    assert.equal(said("2054-04-18")[0], `${shops} ended`);
    assert.equal(said("2026-11-29")[0], `${shops} begins`);
  });
});
