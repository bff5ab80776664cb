//! Passwords, keys and tokens that are written into a manifest or another text.
//!
//! One engine reads a text and tells what stands where ([`credentials_in`]); around it is what
//! knows the places of an object. A credential is told by its form, or by a name that speaks of one
//! together with a value that can be one. References, paths, placeholders and templates are none.
//!
//! Each place has a rule of its own (`credentialInEnv`, `credentialInArgs`, `credentialInHeader`,
//! `credentialInAnnotation`, `credentialInConfigMap`, `credentialInSecret`,
//! `credentialInResource`), because who may read a credential, and what mends it, depends on where
//! it stands: who seals Secrets before they are stored wants to leave out that one alone.
//! `secretInEnv` is a hint. Files other than manifests have rules of their own, in `files`.

mod annotations;
mod calls;
mod connections;
mod data;
mod declared;
mod dockerfile;
mod entropy;
mod files;
mod forms;
mod found;
mod harmless;
mod headers;
mod image;
mod keys;
mod kinds;
#[cfg(test)]
mod made;
mod names;
mod nested;
mod netrc;
mod pairs;
mod place;
mod pods;
mod references;
mod scan;
mod shell;
mod sql;
mod states;
mod templates;
mod urls;
mod values;

pub use data::credentials_of;
pub use files::credentials_of_file;
pub use found::Credential;
pub use image::findings_of_image;
pub use kinds::{FileKind, file_kind};
pub use pods::credentials;
pub use scan::{Reading, credentials_in};

/// The rules on credentials.
pub(crate) static RULES: &[&crate::Rule] = &[
    &annotations::RULE,
    &data::CONFIG_MAP,
    &data::OTHER,
    &data::SECRET,
    &files::CODE,
    &files::CONFIG,
    &files::DOCKERFILE,
    &files::ENV,
    &files::KEY,
    &files::KEY_IN_IMAGE,
    &image::CREDENTIAL,
    &image::NAME,
    &image::ROOT,
    &pods::ARGS,
    &pods::ENV,
    &pods::HEADER,
    &pods::HINT,
];
