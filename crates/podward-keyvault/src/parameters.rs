//! `spec.parameters` of a SecretProviderClass for the provider `azure`, in the order and with the words of the
//! provider that podward replaces.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The parameters, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `keyvaultName`.
    pub vault: String,
    /// `tenantID`.
    pub tenant: String,
    /// Whose token is used.
    pub mode: Mode,
    /// `objects`, in their order.
    pub objects: Vec<VaultObject>,
}

/// Whose token is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `usePodIdentity`: what the pod's binding assigns.
    PodIdentity,
    /// `useVMManagedIdentity`, with `userAssignedIdentityID`.
    ManagedIdentity(Option<String>),
    /// `clientID`, by the pod's own service account.
    WorkloadIdentity(String),
}

/// One entry of `objects`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultObject {
    /// `objectName`.
    pub name: String,
    /// `objectType`.
    pub kind: ObjectKind,
    /// `objectAlias`, else the name.
    pub file: String,
    /// `objectVersion`; empty is the latest.
    pub version: String,
    /// `objectFormat: pfx`.
    pub pfx: bool,
    /// `objectEncoding`.
    pub encoding: Encoding,
    /// `filePermission`, where given.
    pub mode: Option<u32>,
}

/// `objectType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// `secret`.
    Secret,
    /// `key`.
    Key,
    /// `cert`.
    Certificate,
}

/// `objectEncoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Utf8,
    /// The value is hexadecimal text of the file's bytes.
    Hex,
    /// The value is base64 text of the file's bytes.
    Base64,
}

/// A parameter that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to mount objects, error: {0}")]
pub struct ParameterError(pub String);

#[derive(Deserialize)]
struct ObjectList {
    #[serde(default)]
    array: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawObject {
    object_name: String,
    object_type: String,
    object_alias: String,
    object_version: String,
    object_format: String,
    object_encoding: String,
    file_permission: String,
}

impl ObjectKind {
    /// The word of the vault's API path, without its plural.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Key => "key",
            Self::Certificate => "certificate",
        }
    }
}

fn fault<T>(message: impl Into<String>) -> Result<T, ParameterError> {
    Err(ParameterError(message.into()))
}

/// Go's `strconv.ParseBool`; an empty value is false.
fn flag(all: &BTreeMap<String, String>, name: &str) -> Result<bool, ParameterError> {
    match all.get(name).map_or("", |value| value.trim()) {
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        other => fault(format!(
            "failed to parse {name} flag: {other:?} is not a boolean"
        )),
    }
}

fn from_yaml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    let documents = podward_manifest::parse("objects", text).map_err(|e| e.message)?;
    let value = documents
        .first()
        .map(|d| d.root.to_json())
        .unwrap_or_default();
    serde_json::from_value(value).map_err(|e| e.to_string())
}

impl Parameters {
    /// Reads the parameters, those of the class overlaid by the volume's attributes.
    ///
    /// # Errors
    /// With the replaced provider's words.
    pub fn parse(all: &BTreeMap<String, String>) -> Result<Self, ParameterError> {
        let get = |name: &str| {
            all.get(name)
                .map(|v| v.trim())
                .filter(|v| !v.is_empty())
                .map(str::to_owned)
        };
        let pod_identity = flag(all, "usePodIdentity")?;
        let managed_identity = flag(all, "useVMManagedIdentity")?;
        if pod_identity && managed_identity {
            return fault(
                "only one identity mode can be enabled at a time: usePodIdentity, useVMManagedIdentity",
            );
        }
        let Some(vault) = get("keyvaultName") else {
            return fault("keyvaultName is not provided");
        };
        let Some(tenant) = get("tenantID").or_else(|| get("tenantId")) else {
            return fault("tenantId is not provided");
        };
        if let Some(cloud) =
            get("cloudName").filter(|name| !name.eq_ignore_ascii_case("AzurePublicCloud"))
        {
            return fault(format!("cloudName {cloud} is not valid"));
        }
        let mode = if pod_identity {
            Mode::PodIdentity
        } else if managed_identity {
            Mode::ManagedIdentity(get("userAssignedIdentityID"))
        } else if let Some(client_id) = get("clientID") {
            Mode::WorkloadIdentity(client_id)
        } else {
            return fault(
                "failed to build auth config: no identity mode is enabled: set clientID, usePodIdentity or useVMManagedIdentity",
            );
        };
        let Some(objects) = get("objects") else {
            return fault("objects is not set");
        };
        let list: ObjectList = from_yaml(&objects)
            .or_else(|error| fault(format!("failed to yaml unmarshal objects: {error}")))?;
        let mut parsed = Vec::with_capacity(list.array.len());
        for (index, text) in list.array.iter().enumerate() {
            let raw: RawObject = from_yaml(text).or_else(|error| {
                fault(format!(
                    "unmarshal failed for keyVaultObjects at index {index}: {error}"
                ))
            })?;
            parsed.push(object(&raw)?);
        }
        let valid = (3..=24).contains(&vault.len())
            && vault
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !valid {
            return fault(format!(
                "Invalid vault name: {vault:?}, must match [-a-zA-Z0-9]{{3,24}}"
            ));
        }
        Ok(Self {
            vault,
            tenant,
            mode,
            objects: parsed,
        })
    }
}

fn object(raw: &RawObject) -> Result<VaultObject, ParameterError> {
    let name = raw.object_name.trim();
    let wrong = |why: String| {
        ParameterError(format!(
            "failed to get objectType:{}, objectName:{}, objectVersion:{}: {why}",
            raw.object_type, name, raw.object_version
        ))
    };
    let kind = match raw.object_type.trim() {
        "secret" => ObjectKind::Secret,
        "key" => ObjectKind::Key,
        "cert" => ObjectKind::Certificate,
        other => {
            return Err(wrong(format!(
                "invalid objectType: {other}, should be secret, key or cert"
            )));
        }
    };
    let pfx = match raw.object_format.trim().to_ascii_lowercase().as_str() {
        "" | "pem" => false,
        "pfx" if kind == ObjectKind::Secret => true,
        "pfx" => {
            return Err(wrong(
                "PFX format only supported for objectType: secret".into(),
            ));
        }
        other => {
            return Err(wrong(format!(
                "invalid objectFormat: {other}, should be PEM or PFX"
            )));
        }
    };
    let encoding = match raw.object_encoding.trim().to_ascii_lowercase().as_str() {
        "" | "utf-8" => Encoding::Utf8,
        _ if kind != ObjectKind::Secret => {
            return Err(wrong(
                "objectEncoding only supported for objectType: secret".into(),
            ));
        }
        "hex" => Encoding::Hex,
        "base64" => Encoding::Base64,
        other => {
            return Err(wrong(format!(
                "invalid objectEncoding: {other}, should be hex, base64 or utf-8"
            )));
        }
    };
    let mode = match raw.file_permission.trim() {
        "" => None,
        text => Some(
            u32::from_str_radix(text, 8)
                .ok()
                .filter(|mode| *mode <= 0o777)
                .ok_or_else(|| {
                    wrong(format!(
                        "invalid filePermission: {text}, should be octal, 0 to 0777"
                    ))
                })?,
        ),
    };
    let file = Some(raw.object_alias.trim())
        .filter(|alias| !alias.is_empty())
        .unwrap_or(name);
    let bad = file.is_empty()
        || file.starts_with('/')
        || file.starts_with("..")
        || file.split('/').any(|p| p == "..");
    if bad {
        return Err(wrong(format!(
            "file name {file:?} must be relative and must not contain '..'"
        )));
    }
    let name_ok = (1..=127).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !name_ok {
        return Err(wrong(format!(
            "invalid objectName {name:?}, must match [0-9a-zA-Z-]{{1,127}}"
        )));
    }
    let version = raw.object_version.trim();
    if !version.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(wrong("objectVersion must be letters and digits".into()));
    }
    Ok(VaultObject {
        name: name.into(),
        kind,
        file: file.into(),
        version: version.into(),
        pfx,
        encoding,
        mode,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(extra: &[(&str, &str)]) -> Result<Parameters, ParameterError> {
        let mut all: BTreeMap<String, String> = [
            ("keyvaultName", "shop"),
            ("tenantID", "t"),
            ("clientID", "c"),
            (
                "objects",
                "array:\n  - |\n    objectName: db-password\n    objectType: secret\n",
            ),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
        all.extend(
            extra
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        );
        all.retain(|_, v| v != "-");
        Parameters::parse(&all)
    }

    #[test]
    fn the_usual_class_is_read() {
        let parameters = with(&[]).unwrap();
        assert_eq!(parameters.mode, Mode::WorkloadIdentity("c".into()));
        assert_eq!(parameters.objects[0].file, "db-password");
    }

    #[test]
    fn faults_have_the_providers_words() {
        let text = |extra: &[(&str, &str)]| with(extra).unwrap_err().to_string();
        assert_eq!(
            text(&[("keyvaultName", "-")]),
            "failed to mount objects, error: keyvaultName is not provided"
        );
        assert_eq!(
            text(&[("objects", "-")]),
            "failed to mount objects, error: objects is not set"
        );
        assert!(text(&[("usePodIdentity", "yes")]).contains("failed to parse usePodIdentity flag"));
        assert!(text(&[("keyvaultName", "a.b")]).contains("Invalid vault name"));
        let up =
            "array:\n  - |\n    objectName: a\n    objectType: secret\n    objectAlias: ../x\n";
        assert!(text(&[("objects", up)]).contains("must not contain '..'"));
    }
}
