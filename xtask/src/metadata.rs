//! What Cargo knows of the packages: their licences and their versions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::shell::{cargo, output};

/// The platforms podward is built for.
const PLATFORMS: &[&str] = &["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// Licences that ask for no more than to be named.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

/// Packages that are there in two versions, and why that is borne.
const SECOND_VERSIONS: &[(&str, &str)] = &[
    (
        "base64",
        "kube-client has taken 0.23, while tonic and k8s-openapi, which it needs, have not",
    ),
    (
        "hashbrown",
        "kube-runtime has 0.16 and indexmap 0.17: small, and nothing of podward's own",
    ),
    (
        "syn",
        "only procedural macros use it, so nothing of it is in the binary; their authors are moving from 2 to 3",
    ),
];

/// The packages that are built.
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
}

pub(crate) struct Package {
    pub(crate) name: String,
    version: String,
    licence: String,
    pub(crate) in_workspace: bool,
    pub(crate) dependencies: BTreeSet<String>,
}

impl Metadata {
    pub(crate) fn read() -> Result<Self, String> {
        let text = output(cargo(&["metadata", "--format-version", "1", "--locked"]))?;
        let all: Value = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
        let members: BTreeSet<_> = list(&all, "/workspace_members")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let mut built = BTreeSet::new();
        for platform in PLATFORMS {
            built.extend(built_for(platform)?);
        }
        let packages = list(&all, "/packages").iter().map(|package| {
            let in_workspace = text_of(package, "id").is_some_and(|id| members.contains(id));
            read(package, in_workspace)
        });
        Ok(Self {
            packages: packages
                .filter(|package| built.contains(&(package.name.clone(), package.version.clone())))
                .collect(),
        })
    }
}

/// Name and version of what is built. The resolution in `cargo metadata` also names packages that
/// only features lead to which nobody switched on.
fn built_for(platform: &str) -> Result<BTreeSet<(String, String)>, String> {
    let tree = output(cargo(&[
        "tree",
        "--workspace",
        "--locked",
        "--target",
        platform,
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]))?;
    let mut built = BTreeSet::new();
    for line in String::from_utf8_lossy(&tree).lines() {
        let mut words = line.split(' ');
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            let version = version.strip_prefix('v').unwrap_or(version);
            built.insert((name.to_owned(), version.to_owned()));
        }
    }
    Ok(built)
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text_of<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

fn read(package: &Value, in_workspace: bool) -> Package {
    let text = |key| text_of(package, key).unwrap_or_default().to_owned();
    Package {
        name: text("name"),
        version: text("version"),
        licence: text("license"),
        in_workspace,
        dependencies: list(package, "/dependencies")
            .iter()
            .filter(|dependency| dependency.get("kind").is_some_and(Value::is_null))
            .filter_map(|dependency| text_of(dependency, "name").map(str::to_owned))
            .collect(),
    }
}

/// Packages whose licence asks for more.
pub(crate) fn licence_faults(metadata: &Metadata) -> Vec<String> {
    metadata
        .packages
        .iter()
        .filter(|package| !allowed(&package.licence))
        .map(|package| {
            format!(
                "licence of {} {}: \"{}\" is not among {}",
                package.name,
                package.version,
                package.licence,
                LICENCES.join(", ")
            )
        })
        .collect()
}

/// Whether an SPDX expression can be met: of each `AND` one of the `OR`.
fn allowed(expression: &str) -> bool {
    let expression = expression.replace(" / ", " OR ").replace('/', " OR ");
    let mut depth = 0_usize;
    let mut parts = vec![String::new()];
    for word in expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .split_whitespace()
    {
        match word {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            "AND" if depth == 0 => parts.push(String::new()),
            _ => {}
        }
        if (word != "AND" || depth > 0)
            && let Some(part) = parts.last_mut()
        {
            part.push_str(word);
            part.push(' ');
        }
    }
    parts.iter().all(|part| {
        part.split(" OR ").any(|choice| {
            let choice = choice.trim_matches(|c: char| c.is_whitespace() || c == '(' || c == ')');
            LICENCES.contains(&choice)
        })
    })
}

/// Packages that are there twice without a reason, and reasons that no package needs any more.
pub(crate) fn version_faults(metadata: &Metadata) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in &metadata.packages {
        versions
            .entry(&package.name)
            .or_default()
            .insert(&package.version);
    }
    let borne = |name: &str| SECOND_VERSIONS.iter().any(|(other, _)| *other == name);
    let mut faults: Vec<_> = versions
        .iter()
        .filter(|(name, all)| all.len() > 1 && !borne(name))
        .map(|(name, all)| {
            let all: Vec<_> = all.iter().copied().collect();
            format!("second version of {name}: {}", all.join(" and "))
        })
        .collect();
    faults.extend(
        SECOND_VERSIONS
            .iter()
            .filter(|(name, _)| versions.get(name).is_none_or(|all| all.len() < 2))
            .map(|(name, _)| format!("{name} is there once: take it out of SECOND_VERSIONS")),
    );
    faults
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn expressions_are_met_part_by_part() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "LGPL-2.1-or-later OR MIT",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
        ] {
            assert!(allowed(good), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-3.0"] {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
