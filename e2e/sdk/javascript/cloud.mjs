// What every case needs: the options of the suite, names that lead to the cloud, and a report.

import dns from "node:dns";
import { parseArgs } from "node:util";
import { randomBytes } from "node:crypto";
import {
  ClientCertificateCredential,
  ClientSecretCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";

const text = { type: "string" };
const { values } = parseArgs({
  strict: false,
  options: {
    "vault-url": text,
    "authority-host": text,
    tenant: text,
    "client-id": text,
    "client-secret": text,
    "federated-token-file": text,
    "wrong-sub-token-file": text,
    "noperm-client-id": text,
    "noperm-client-secret": text,
    resolve: { type: "string", multiple: true },
  },
});

/** The options. */
export const options = values;
/** The vault. */
export const vault = values["vault-url"];
/** What names of this run begin with. */
export const prefix = `js-${randomBytes(4).toString("hex")}`;

// the names of the public cloud lead to the local one, as a resolver would have it
const system = dns.lookup;
const leads = values.resolve.map((one) => one.split("="));
dns.lookup = (host, given, done) => {
  const meant = ([name]) => (name.startsWith("*.") ? host.endsWith(name.slice(1)) : host === name);
  const found = leads.find(meant);
  return system(found ? found[1] : host, given, done);
};

// this authority is one that the public cloud, which Node asks otherwise, does not know
const authority = { authorityHost: values["authority-host"], disableInstanceDiscovery: true };
// a refusal is an answer, and not tried again
const quick = { retryOptions: { maxRetries: 0 } };

/** A client with its password. */
export function bySecret(client = values["client-id"], secret = values["client-secret"]) {
  return new ClientSecretCredential(values.tenant, client, secret, { ...authority, ...quick });
}

/** A client with the key of its certificate. */
export function byCertificate(sendCertificateChain) {
  const certificatePath = process.env.PODWARD_SDK_CERTIFICATE;
  const more = { sendCertificateChain, ...authority, ...quick };
  return new ClientCertificateCredential(values.tenant, values["client-id"], { certificatePath }, more);
}

/** A client with a statement of the cluster's issuer. */
export function byStatement(tokenFilePath = values["federated-token-file"]) {
  return new WorkloadIdentityCredential({
    tenantId: values.tenant,
    clientId: values["client-id"],
    tokenFilePath,
    ...authority,
    ...quick,
  });
}

/** Fails unless the call is refused so. */
export async function refused(call, { status, code, text }) {
  let error;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  if (!error) throw new Error("it was granted");
  const is = `${error.statusCode} ${error.code} ${error.message}`;
  if (status && error.statusCode !== status) throw new Error(`status is not ${status}: ${is}`);
  if (code && error.code !== code) throw new Error(`code is not ${code}: ${is}`);
  if (text && !is.includes(text)) throw new Error(`no ${text} in: ${is}`);
}

let [passed, failed] = [0, 0];

/** Runs one case and says what came of it. */
export async function check(name, run) {
  try {
    await run();
    passed += 1;
    console.log(`PASS ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name} ${error.stack}`);
  }
}

/** Says how many passed, and ends. */
export function done() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
