//! What is done with a key: signatures, decryption, wrapping and their reverse.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::door::Call;
use super::fault::Fault;
use super::key::Key;
use super::material::{Cipher, bytes};
use super::objects::{Object, read};

/// Whether the last word of an address names an operation.
pub(super) fn is_one(word: &str) -> bool {
    right(word).is_some()
}

/// The right, and the word of `key_ops`, that an operation of the address needs.
fn right(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "sign" => "sign",
        "verify" => "verify",
        "encrypt" => "encrypt",
        "decrypt" => "decrypt",
        "wrapkey" => "wrapKey",
        "unwrapkey" => "unwrapKey",
        _ => return None,
    })
}

/// Does it, where the caller, the key and its times allow it.
pub(super) fn answer(
    call: &Call<'_>,
    name: &str,
    version: Option<&str>,
    operation: &str,
    body: &[u8],
) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Wanted {
        alg: String,
        value: zeroize::Zeroizing<String>,
        digest: Option<String>,
    }
    let right = right(operation).unwrap_or_default();
    call.may(Key::KIND, right, name)?;
    let asked: Wanted = read(body)?;
    let not_base64 = |field: &str| Fault::bad(format!("'{field}' is not base64url"));
    let value = bytes(&asked.value).ok_or_else(|| not_base64("value"))?;
    let (key, id, kid) = {
        let store = call.store();
        let item = store.keys.live(name);
        let found = item.and_then(|item| Some((item, item.version(version)?)));
        let (item, found) = found.ok_or_else(|| call.missing::<Key>(name, version))?;
        let refused = |what: &str, code| {
            let text = format!("Operation {operation} is not allowed on {what}.");
            Err(Fault::new(403, "Forbidden", text).inner(code))
        };
        let now = call.now();
        let attributes = &found.attributes;
        // what was encrypted or signed while the key was good can still be read and checked
        let reads = matches!(operation, "decrypt" | "unwrapkey" | "verify");
        if !attributes.enabled {
            return refused("a disabled key", "KeyDisabled");
        }
        if !reads && attributes.nbf.is_some_and(|nbf| nbf > now) {
            return refused("a key that is not yet valid", "KeyNotYetValid");
        }
        if !reads && attributes.exp.is_some_and(|exp| exp <= now) {
            return refused("an expired key", "KeyExpired");
        }
        let kid = call.id(Key::KIND, &item.name, Some(&found.id));
        (found.body.clone(), found.id.clone(), kid)
    };
    if !key.may(right) {
        let text = format!("Operation {operation} is not permitted on this key.");
        return Err(Fault::new(403, "Forbidden", text).inner("KeyOperationForbidden"));
    }
    let material = key
        .material()
        .ok_or_else(|| Fault::unavailable("the key was never made"))?;
    let told = |value: &[u8]| json!({"kid": kid, "value": URL_SAFE_NO_PAD.encode(value)});
    let told = match operation {
        "sign" => told(&material.sign(&asked.alg, &value)?),
        "verify" => {
            let digest = asked.digest.as_deref().and_then(bytes);
            let digest = digest.ok_or_else(|| not_base64("digest"))?;
            json!({"value": material.verify(&asked.alg, &digest, &value)?})
        }
        "encrypt" | "wrapkey" => told(&material.cipher(Cipher::Encrypt, &asked.alg, &value)?),
        _ => told(&material.cipher(Cipher::Decrypt, &asked.alg, &value)?),
    };
    call.granted(Key::KIND, right, name, &id)?;
    Ok(told)
}
