//! Keys.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use axum::http::Method;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::data::{Place, pack, unpack};
use super::door::{Call, Query};
use super::fault::{Fault, shown};
use super::material::{Curve, Jwk, Material};
use super::objects::{self, Detail, Kind, Object, Sent, Told, read};
use super::operation;
use super::rotation;
use super::shelf::{Shelf, Version};
use super::step::{Any, Step};
use super::store::{Store, new_version};
use crate::answer;

/// Everything that `key_ops` may name.
const OPERATIONS: [&str; 8] = [
    "encrypt",
    "decrypt",
    "sign",
    "verify",
    "wrapKey",
    "unwrapKey",
    "import",
    "export",
];

/// Why a key that can do some operations cannot be said to do this one; `None` where it can.
pub(super) fn inability(named: &str, able: &[&str]) -> Option<String> {
    if !OPERATIONS.contains(&named) {
        return Some(format!("'{}' is no operation of a key", shown(named)));
    }
    let moves = matches!(named, "import" | "export");
    (!moves && !able.contains(&named)).then(|| format!("A key of this type cannot {named}"))
}

/// An RSA key that is still to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// 2048, 3072 or 4096.
    pub(super) bits: u32,
    /// Folder and name of a file that has the key, or that keeps it where the vault is not kept.
    pub(super) file: Option<(PathBuf, String)>,
}

/// What a version of a key holds. A planned key is made on a thread of its own; its first use waits for it.
#[derive(Clone)]
pub(super) struct Key {
    material: Arc<OnceLock<Option<Arc<Material>>>>,
    /// The private key (RFC 5208) as it was kept: reading it costs more than most keys are worth at a start.
    unread: Option<Arc<Zeroizing<Vec<u8>>>>,
    plan: Option<Plan>,
    /// As the client named them; all of the type where it named none.
    pub(super) operations: Option<Vec<String>>,
}

impl Key {
    fn new(material: OnceLock<Option<Arc<Material>>>) -> Self {
        Self {
            material: Arc::new(material),
            unread: None,
            plan: None,
            operations: None,
        }
    }

    /// A key that is there.
    pub(super) fn of(material: Arc<Material>) -> Self {
        Self::new(OnceLock::from(Some(material)))
    }

    /// With what the client named that may be done with it.
    pub(super) fn that_may(self, operations: Option<Vec<String>>) -> Self {
        Self { operations, ..self }
    }

    /// A key that is made once it stands in a vault.
    pub(super) fn planned(plan: Plan) -> Self {
        Self {
            plan: Some(plan),
            ..Self::new(OnceLock::new())
        }
    }

    /// Whether the key is not even begun.
    pub(super) const fn is_planned(&self) -> bool {
        self.plan.is_some()
    }

    /// Bits of an RSA key, as far as it is known without waiting.
    pub(super) fn bits(&self) -> Option<u32> {
        if self.unread.is_some() {
            return self.material()?.bits();
        }
        self.at_hand()?.bits()
    }

    /// The key, where it is made and was read.
    pub(super) fn at_hand(&self) -> Option<&Arc<Material>> {
        self.material.get()?.as_ref()
    }

    /// As cloud.yaml describes it; `None` where it was never made.
    pub(super) fn described(&self) -> Option<Value> {
        let bits = match &self.plan {
            Some(plan) => Some(plan.bits),
            None => self.material()?.bits(),
        };
        Some(match bits {
            Some(bits) => json!({"type": "RSA", "size": bits}),
            None => json!({"type": "EC", "curve": self.material()?.jwk().get("crv")?}),
        })
    }

    /// Begins to make the key where it is planned, and to keep it in its place.
    pub(super) fn begin(&mut self, place: Option<Place>) {
        let Some(plan) = self.plan.take() else { return };
        let (slot, operations) = (Arc::clone(&self.material), self.operations.clone());
        let made = std::thread::Builder::new()
            .name("vault-key".into())
            .spawn(move || {
                let made = Material::planned(&plan, place.is_some());
                let kept = match (&made, &place) {
                    (Some(material), Some(place)) => {
                        place.keep(kept_form(material.pkcs8(), operations.as_ref()))
                    }
                    _ => true,
                };
                let _ = slot.set(made.filter(|_| kept).map(Arc::new));
                if let (true, Some(_), Some((folder, file))) = (kept, place, plan.file) {
                    // the vault has it now; a version before this one kept it in a file
                    let _ = std::fs::remove_file(folder.join(file));
                }
            });
        if made.is_err() {
            let _ = self.material.set(None);
        }
    }

    /// The key, once it is made; a key that cannot be made is told as one without numbers, which every client refuses.
    pub(super) fn material(&self) -> Option<&Arc<Material>> {
        let read = |pkcs8: &Zeroizing<Vec<u8>>| Material::of_pkcs8(pkcs8).map(Arc::new);
        let material = match &self.unread {
            Some(pkcs8) => self.material.get_or_init(|| read(pkcs8)),
            None => self.material.wait(),
        };
        material.as_ref()
    }

    /// Whether nobody makes the key any more.
    pub(super) fn is_there(&self) -> bool {
        self.unread.is_some() || self.material.get().is_some()
    }

    /// Where the key will be, while it is being made.
    fn coming(&self) -> Option<Arc<OnceLock<Option<Arc<Material>>>>> {
        let begun = self.plan.is_none();
        (begun && !self.is_there()).then(|| Arc::clone(&self.material))
    }

    /// Whether it may be used so: a word of `key_ops`.
    pub(super) fn may(&self, operation: &str) -> bool {
        match (&self.operations, self.material()) {
            (Some(named), _) => named.iter().any(|one| one == operation),
            (None, Some(material)) => material.operations().contains(&operation),
            (None, None) => false,
        }
    }
}

impl Object for Key {
    const KIND: Kind = Kind {
        one: "key",
        many: "keys",
        deleted: "deletedkeys",
        title: "Key",
        not_found: "KeyNotFound",
        disabled: "KeyDisabled",
        update: "update",
    };

    fn shelf(store: &Store) -> &Shelf<Self> {
        &store.keys
    }

    fn any(version: Version<Self>) -> Any {
        Any::Key(version)
    }

    fn tell(&self, call: &Call<'_>, told: &Told<'_>, fields: &mut Map<String, Value>) {
        if told.detail == Detail::Entry {
            fields.insert("kid".into(), json!(told.id));
            return;
        }
        if call.query.since("7.3")
            && let Some(attributes) = fields.get_mut("attributes").and_then(Value::as_object_mut)
        {
            attributes.insert("exportable".into(), json!(false));
        }
        let mut jwk = self
            .material()
            .map(|material| material.jwk())
            .unwrap_or_default();
        if let (Some(jwk), Some(material)) = (jwk.as_object_mut(), self.material()) {
            let operations = self.operations.as_ref();
            let operations =
                operations.map_or_else(|| json!(material.operations()), |all| json!(all));
            jwk.insert("key_ops".into(), operations);
            jwk.insert("kid".into(), json!(told.id));
        }
        fields.insert("key".into(), jwk);
    }

    fn update(&mut self, sent: &Value) -> Result<(), Fault> {
        stays_here(sent)?;
        let Some(operations) = sent.get("key_ops").filter(|value| !value.is_null()) else {
            return Ok(());
        };
        let named: Option<Vec<String>> = serde_json::from_value(operations.clone()).ok();
        let named = named.ok_or_else(|| Fault::bad("key_ops must be a list of operations"))?;
        let material = self.material();
        let material = material.ok_or_else(|| Fault::unavailable("the key was never made"))?;
        self.operations = operations_of(Some(named), material)?;
        Ok(())
    }

    fn save(&self) -> Option<Zeroizing<Vec<u8>>> {
        if let Some(plan) = &self.plan {
            return Some(pack(&[PLAN, &plan.bits.to_be_bytes()]));
        }
        let material = || self.material().map(|material| material.pkcs8());
        let pkcs8 = self.unread.as_ref().map(|unread| unread.as_slice());
        Some(kept_form(
            pkcs8.or_else(material)?,
            self.operations.as_ref(),
        ))
    }

    fn restore(saved: &[u8]) -> Option<Self> {
        match unpack(saved)?.as_slice() {
            [PLAN, bits] => Some(Self::planned(Plan {
                bits: u32::from_be_bytes((*bits).try_into().ok()?),
                file: None,
            })),
            [PKCS8, pkcs8, operations] => Some(Self {
                unread: Some(Arc::new(Zeroizing::new(pkcs8.to_vec()))),
                operations: serde_json::from_slice(operations).ok()?,
                ..Self::new(OnceLock::new())
            }),
            _ => None,
        }
    }
}

/// What begins a key that is still to be made, and one that is there.
const PLAN: &[u8] = b"plan";
const PKCS8: &[u8] = b"pkcs8";

fn kept_form(pkcs8: &[u8], operations: Option<&Vec<String>>) -> Zeroizing<Vec<u8>> {
    pack(&[PKCS8, pkcs8, json!(operations).to_string().as_bytes()])
}

/// What a client names that may be done with a key of this type.
fn operations_of(
    named: Option<Vec<String>>,
    material: &Material,
) -> Result<Option<Vec<String>>, Fault> {
    let mut all = named.iter().flatten();
    match all.find_map(|one| inability(one, material.operations())) {
        Some(text) => Err(Fault::bad(text)),
        None => Ok(named),
    }
}

/// Refuses what would let a key leave the vault: only one of another tier lets it.
fn stays_here(sent: &Value) -> Result<(), Fault> {
    let exportable = sent.pointer("/attributes/exportable") == Some(&json!(true));
    let policy = sent.get("release_policy");
    let text = match (exportable, policy.is_some_and(|one| !one.is_null())) {
        (false, false) => return Ok(()),
        (true, false) => "Exportable keys must have release policy",
        (true, true) => {
            "AKV.SKR.1001: The exportable attribute is only supported with premium vaults and API version >= '7.3-preview'"
        }
        (false, true) => "AKV.SKR.1005: Non-exportable keys must not have release policy",
    };
    Err(Fault::bad(text))
}

/// Waits until a key is made that cloud.yaml describes, while the vault serves others.
fn wait(call: &Call<'_>, name: &str) {
    let coming: Vec<_> = {
        let store = call.store();
        let versions = store.keys.get(name).map(|item| item.versions.iter());
        let versions = versions.into_iter().flatten();
        versions.filter_map(|one| one.body.coming()).collect()
    };
    for slot in coming {
        slot.wait();
    }
}

/// Answers what is asked of keys.
pub(super) fn serve(
    call: &Call<'_>,
    method: &Method,
    rest: &[&str],
    query: &Query,
    body: &[u8],
) -> Result<Option<Response>, Fault> {
    if let Some(name) = rest.first() {
        wait(call, name);
    }
    let told = match (method, rest) {
        (&Method::PUT, [name]) => import(call, name, body)?,
        (&Method::POST, [name, "create"]) => create(call, name, body)?,
        (&Method::POST, [name, "rotate"]) => rotation::rotate(call, name)?,
        (&Method::GET, [name, "rotationpolicy"]) => rotation::policy(call, name)?,
        (&Method::PUT, [name, "rotationpolicy"]) => rotation::set_policy(call, name, body)?,
        (&Method::POST, [name, version, "release"]) => return release(call, name, Some(version)),
        (&Method::POST, [name, "release"]) => return release(call, name, None),
        (&Method::POST, [name, version, asked]) if operation::is_one(asked) => {
            operation::answer(call, name, Some(version), asked, body)?
        }
        (&Method::POST, [name, asked]) if operation::is_one(asked) => {
            operation::answer(call, name, None, asked, body)?
        }
        _ => return objects::serve::<Key>(call, method, rest, query, body),
    };
    Ok(Some(answer(200, &told)))
}

/// No key may leave a vault of the standard tier.
fn release<T>(call: &Call<'_>, name: &str, version: Option<&str>) -> Result<T, Fault> {
    call.may(Key::KIND, "release", name)?;
    let store = call.store();
    let found = store.keys.live(name).and_then(|item| item.version(version));
    found.ok_or_else(|| call.missing::<Key>(name, version))?;
    let text = "The key is not exportable: it has no release policy";
    Err(Fault::bad(text))
}

fn create(call: &Call<'_>, name: &str, body: &[u8]) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Wanted {
        kty: String,
        key_size: Option<u32>,
        crv: Option<String>,
        key_ops: Option<Vec<String>>,
    }
    call.may(Key::KIND, "create", name)?;
    let (wanted, sent): (Wanted, Sent) = (read(body)?, read(body)?);
    stays_here(&read(body)?)?;
    free(call, name)?;
    let material = match wanted.kty.as_str() {
        "RSA" => Material::rsa(wanted.key_size.unwrap_or(2048))?,
        "EC" => {
            let curve = Curve::of(wanted.crv.as_deref().unwrap_or("P-256"));
            let curve = curve.ok_or_else(|| Fault::bad("The curve is none of this vault's"))?;
            if wanted.key_size.is_some_and(|bits| bits != curve.bits()) {
                return Err(Fault::bad("The key_size is not that of the curve"));
            }
            Material::ec(curve)?
        }
        other => {
            return Err(Fault::bad(format!(
                "A vault makes no key of type '{}': RSA and EC are served",
                shown(other)
            )));
        }
    };
    let operations = operations_of(wanted.key_ops, &material)?;
    add(call, name, "create", material, operations, sent)
}

/// Making a key takes long: what would be refused afterwards is refused before.
fn free(call: &Call<'_>, name: &str) -> Result<(), Fault> {
    let mut store = call.store();
    call.not_deleted::<Key>(&mut store, name)?;
    Call::own(store.keys.live(name))
}

fn import(call: &Call<'_>, name: &str, body: &[u8]) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Wanted {
        key: Jwk,
        #[serde(alias = "hsm", rename = "Hsm")]
        hsm: Option<bool>,
    }
    call.may(Key::KIND, "import", name)?;
    let (wanted, sent): (Wanted, Sent) = (read(body)?, read(body)?);
    stays_here(&read(body)?)?;
    if wanted.hsm == Some(true) {
        return Err(Fault::bad(
            "A vault of the standard tier protects no keys by HSM",
        ));
    }
    let material = Material::import(&wanted.key)?;
    let operations = operations_of(wanted.key.key_ops, &material)?;
    add(call, name, "import", material, operations, sent)
}

pub(super) fn add(
    call: &Call<'_>,
    name: &str,
    right: &str,
    material: Material,
    operations: Option<Vec<String>>,
    sent: Sent,
) -> Result<Value, Fault> {
    let (attributes, tags) = sent.made(call.now())?;
    let id = new_version().map_err(Fault::unavailable)?;
    let mut store = call.store();
    call.not_deleted::<Key>(&mut store, name)?;
    Call::own(store.keys.live(name))?;
    call.granted(Key::KIND, right, name, &id)?;
    let body = Key::of(Arc::new(material)).that_may(operations);
    let version = Version {
        id: id.clone(),
        attributes,
        tags,
        managed: false,
        body,
    };
    store.commit(vec![Step::put(name, version)])?;
    call.again::<Key>(&store, name, &id, Detail::Whole)
}

#[cfg(test)]
mod tests {
    use super::super::trial::Trial;
    use serde_json::json;

    #[test]
    fn a_key_is_released_to_nobody() {
        let trial = Trial::new();
        trial.ask("POST", "/keys/k/create", &json!({"kty": "EC"}));
        let ask = |who: &str, path: &str| {
            let (status, _, told) = trial.whole(who, "POST", path, "{}".into());
            (status, told["error"]["code"].clone())
        };
        for (who, path, told) in [
            ("stranger", "/keys/k/release", (403, json!("Forbidden"))),
            ("stranger", "/keys/none/release", (403, json!("Forbidden"))),
            ("owner", "/keys/none/release", (404, json!("KeyNotFound"))),
            ("owner", "/keys/k/1/release", (404, json!("KeyNotFound"))),
            ("owner", "/keys/k/release", (400, json!("BadParameter"))),
        ] {
            assert_eq!(ask(who, path), told, "{who} {path}");
        }
    }
}
