// The Azure SDK for JavaScript, unmodified, against the local cloud.

import assert from "node:assert/strict";
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { CertificateClient } from "@azure/keyvault-certificates";
import { CryptographyClient, KeyClient } from "@azure/keyvault-keys";
import { SecretClient } from "@azure/keyvault-secrets";
import { byCertificate, bySecret, byStatement, check, done, options, prefix, refused, vault } from "./cloud.mjs";

const once = { intervalInMs: 50 };
const credential = byStatement();
const secrets = new SecretClient(vault, credential);
const keys = new KeyClient(vault, credential);
const certificates = new CertificateClient(vault, credential);

async function purged(client, kind, name) {
  const poller = await client[`beginDelete${kind}`](name, once);
  await poller.pollUntilDone();
  await client[`purgeDeleted${kind}`](name);
}

await check("secret: set, get, update, versions", async () => {
  const name = `${prefix}-one`;
  const first = await secrets.setSecret(name, "first", { contentType: "text/plain", tags: { a: "b" } });
  const second = await secrets.setSecret(name, "zweite ✓", { expiresOn: new Date("2037-01-01") });
  assert.equal((await secrets.getSecret(name)).value, "zweite ✓");
  const { version } = first.properties;
  const old = await secrets.getSecret(name, { version });
  assert.equal(old.value, "first");
  assert.equal(old.properties.contentType, "text/plain");
  assert.deepEqual({ ...old.properties.tags }, { a: "b" });
  await secrets.updateSecretProperties(name, version, { enabled: false });
  await refused(() => secrets.getSecret(name, { version }), { status: 403, code: "Forbidden" });
  const seen = [];
  for await (const one of secrets.listPropertiesOfSecretVersions(name)) seen.push(one.version);
  assert.deepEqual(seen.sort(), [version, second.properties.version].sort());
  await purged(secrets, "Secret", name);
});

await check("secrets: list over two pages", async () => {
  const names = Array.from({ length: 27 }, (_, n) => `${prefix}-list-${n}`);
  await Promise.all(names.map((name) => secrets.setSecret(name, "x")));
  const [pages, seen] = [[], new Set()];
  for await (const page of secrets.listPropertiesOfSecrets().byPage()) {
    pages.push(page.length);
    for (const one of page) seen.add(one.name);
  }
  assert.ok(pages.length >= 2 && pages[0] === 25, `pages of ${pages}`);
  assert.ok(names.every((name) => seen.has(name)));
  await Promise.all(names.map((name) => purged(secrets, "Secret", name)));
});

await check("secret: delete, recover, purge", async () => {
  const name = `${prefix}-gone`;
  await secrets.setSecret(name, "back again");
  const deleting = await secrets.beginDeleteSecret(name, once);
  const deleted = await deleting.pollUntilDone();
  assert.ok(deleted.properties.scheduledPurgeDate > deleted.properties.deletedOn);
  await refused(() => secrets.getSecret(name), { status: 404, code: "SecretNotFound" });
  await refused(() => secrets.setSecret(name, "x"), { status: 409 });
  const recovering = await secrets.beginRecoverDeletedSecret(name, once);
  await recovering.pollUntilDone();
  assert.equal((await secrets.getSecret(name)).value, "back again");
  await purged(secrets, "Secret", name);
  await refused(() => secrets.getDeletedSecret(name), { status: 404 });
});

await check("secret: backup, restore", async () => {
  const name = `${prefix}-kept`;
  await secrets.setSecret(name, "kept");
  const backup = await secrets.backupSecret(name);
  await purged(secrets, "Secret", name);
  await secrets.restoreSecretBackup(backup);
  assert.equal((await secrets.getSecret(name)).value, "kept");
  await purged(secrets, "Secret", name);
});

await check("key: RSA signs, verifies, decrypts, unwraps", async () => {
  const name = `${prefix}-rsa`;
  const key = await keys.createRsaKey(name, { keySize: 2048 });
  const client = new CryptographyClient(key, credential);
  const data = Buffer.from("to be signed");
  const digest = createHash("sha256").update(data).digest();
  for (const algorithm of ["RS256", "PS256"]) {
    const { result } = await client.sign(algorithm, digest);
    assert.ok((await client.verify(algorithm, digest, result)).result);
    const other = createHash("sha256").update("other").digest();
    assert.ok(!(await client.verify(algorithm, other, result)).result);
  }
  for (const algorithm of ["RSA-OAEP", "RSA-OAEP-256"]) {
    const { result } = await client.encrypt({ algorithm, plaintext: data });
    const back = await client.decrypt({ algorithm, ciphertext: result });
    assert.deepEqual(Buffer.from(back.result), data);
    const wrapped = await client.wrapKey(algorithm, digest);
    const unwrapped = await client.unwrapKey(algorithm, wrapped.result);
    assert.deepEqual(Buffer.from(unwrapped.result), digest);
  }
  // by its id alone the client fetches the key first
  const byId = new CryptographyClient(key.id, credential);
  assert.ok((await byId.signData("RS256", data)).result.length === 256);
  await keys.rotateKey(name);
  const versions = [];
  for await (const one of keys.listPropertiesOfKeyVersions(name)) versions.push(one.version);
  assert.equal(versions.length, 2);
  await purged(keys, "Key", name);
});

await check("key: EC signs and verifies, delete, recover", async () => {
  for (const [curve, algorithm, hash] of [
    ["P-256", "ES256", "sha256"],
    ["P-256K", "ES256K", "sha256"],
    ["P-384", "ES384", "sha384"],
    ["P-521", "ES512", "sha512"],
  ]) {
    const name = `${prefix}-${curve}`;
    const key = await keys.createEcKey(name, { curve });
    assert.equal(key.key.crv, curve);
    const client = new CryptographyClient(key, credential);
    const digest = createHash(hash).update("to be signed").digest();
    const { result } = await client.sign(algorithm, digest);
    assert.ok((await client.verify(algorithm, digest, result)).result, curve);
    const deleting = await keys.beginDeleteKey(name, once);
    await deleting.pollUntilDone();
    const recovering = await keys.beginRecoverDeletedKey(name, once);
    assert.equal((await recovering.pollUntilDone()).name, name);
    await purged(keys, "Key", name);
  }
});

for (const contentType of ["application/x-pem-file", "application/x-pkcs12"]) {
  await check(`certificate: create and download, ${contentType}`, async () => {
    const name = `${prefix}-web`;
    const policy = { issuerName: "Self", subject: "CN=web.shop.example", contentType, validityInMonths: 3 };
    const making = await certificates.beginCreateCertificate(name, policy, once);
    const made = await making.pollUntilDone();
    assert.equal(made.policy.subject, "CN=web.shop.example");
    const public_ = new X509Certificate(made.cer);
    assert.equal(public_.subject, "CN=web.shop.example");
    const { value } = await secrets.getSecret(name);
    if (contentType === "application/x-pem-file") {
      const inside = new X509Certificate(value.slice(value.indexOf("-----BEGIN CERTIFICATE")));
      assert.equal(inside.fingerprint256, public_.fingerprint256);
      assert.ok(public_.checkPrivateKey(createPrivateKey(value)));
    } else {
      assert.ok(Buffer.from(value, "base64").includes(Buffer.from([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07])));
    }
    assert.equal((await keys.getKey(name)).properties.managed, true);
    const deleting = await certificates.beginDeleteCertificate(name, once);
    await deleting.pollUntilDone();
    const recovering = await certificates.beginRecoverDeletedCertificate(name, once);
    await recovering.pollUntilDone();
    const seen = [];
    for await (const one of certificates.listPropertiesOfCertificateVersions(name)) seen.push(one.version);
    assert.deepEqual(seen, [made.properties.version]);
    await purged(certificates, "Certificate", name);
  });
}

await check("certificate: wait for a merge", async () => {
  const name = `${prefix}-waits`;
  await certificates.beginCreateCertificate(name, { issuerName: "Unknown", subject: "CN=w" }, once);
  const waiting = await certificates.getCertificate(name);
  assert.equal(waiting.properties.enabled, false);
  const operation = await certificates.getCertificateOperation(name);
  assert.equal(operation.getOperationState().certificateOperation.status, "inProgress");
  assert.ok(operation.getOperationState().certificateOperation.csr.length > 0);
  await refused(() => secrets.getSecret(name), { status: 403, code: "Forbidden" });
  await refused(() => certificates.beginCreateCertificate(name, { issuerName: "Self", subject: "CN=w" }, once), {
    status: 409,
  });
  await certificates.deleteCertificateOperation(name);
  await purged(certificates, "Certificate", name);
});

await check("certificate: import PEM", async () => {
  const name = `${prefix}-import`;
  const making = await certificates.beginCreateCertificate(
    name, { issuerName: "Self", subject: "CN=i", contentType: "application/x-pem-file" }, once);
  await making.pollUntilDone();
  const { value } = await secrets.getSecret(name);
  const other = `${prefix}-imported`;
  const imported = await certificates.importCertificate(other, Buffer.from(value), {
    policy: { contentType: "application/x-pem-file" },
  });
  assert.equal(new X509Certificate(imported.cer).subject, "CN=i");
  await purged(certificates, "Certificate", name);
  await purged(certificates, "Certificate", other);
});

await check("refused: a client without rights", async () => {
  const nobody = bySecret(options["noperm-client-id"], options["noperm-client-secret"]);
  const forbidden = { status: 403, code: "Forbidden" };
  await refused(() => new SecretClient(vault, nobody).getSecret("any"), forbidden);
  await refused(() => new KeyClient(vault, nobody).createEcKey("any"), forbidden);
  await refused(() => new CertificateClient(vault, nobody).getCertificate("any"), forbidden);
});

await check("refused: a wrong password, and a statement of another subject", async () => {
  const wrong = (credential) => () => new SecretClient(vault, credential).getSecret("any");
  await refused(wrong(bySecret(options["client-id"], "wrong")), { text: "AADSTS7000215" });
  await refused(wrong(byStatement(options["wrong-sub-token-file"])), { text: "AADSTS700213" });
});

for (const sent of [false, true]) {
  await check(`secret: read with a certificate, ${sent ? "sent along" : "known"}`, async () => {
    const client = new SecretClient(vault, byCertificate(sent));
    await client.setSecret(`${prefix}-certificate`, "seen");
    assert.equal((await client.getSecret(`${prefix}-certificate`)).value, "seen");
    await purged(client, "Secret", `${prefix}-certificate`);
  });
}

await check("secret: read with a password", async () => {
  const client = new SecretClient(vault, bySecret());
  await client.setSecret(`${prefix}-password`, "seen");
  assert.equal((await client.getSecret(`${prefix}-password`)).value, "seen");
  await purged(client, "Secret", `${prefix}-password`);
});

done();
