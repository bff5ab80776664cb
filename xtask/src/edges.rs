//! Which crate may know which: the table of docs/architecture.md against what Cargo says.

use std::collections::{BTreeMap, BTreeSet};

use crate::metadata::Metadata;
use crate::shell::root;

const DOCUMENT: &str = "docs/architecture.md";

/// What a row allows.
#[derive(Debug, PartialEq, Eq)]
enum May {
    Everything,
    Only(BTreeSet<String>),
}

/// Edges that the table does not allow, and rows that fit no crate.
pub(crate) fn faults(metadata: &Metadata) -> Result<Vec<String>, String> {
    let path = root().join(DOCUMENT);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{DOCUMENT}: {e}"))?;
    let table = table(&text);
    let mut faults = Vec::new();
    let crates = metadata
        .packages
        .iter()
        .filter(|package| package.in_workspace && package.name != "xtask");
    let mut seen = BTreeSet::new();
    for package in crates {
        seen.insert(package.name.as_str());
        let Some(may) = table.get(&package.name) else {
            faults.push(format!(
                "{DOCUMENT} has no row for the crate {}",
                package.name
            ));
            continue;
        };
        let May::Only(allowed) = may else { continue };
        let known: BTreeSet<_> = package
            .dependencies
            .iter()
            .filter(|name| name.starts_with("podward-"))
            .cloned()
            .collect();
        for name in known.difference(allowed) {
            faults.push(format!(
                "{} depends on {name}, which its row in {DOCUMENT} does not allow",
                package.name
            ));
        }
    }
    faults.extend(
        table
            .keys()
            .filter(|name| !seen.contains(name.as_str()))
            .map(|name| format!("{DOCUMENT} has a row for {name}, and no such crate exists")),
    );
    Ok(faults)
}

/// The rows ``| `crate` | … | what it may know |``.
fn table(text: &str) -> BTreeMap<String, May> {
    let mut rows = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, name, _, may, _] = cells.as_slice() else {
            continue;
        };
        let Some(name) = name.strip_prefix('`').and_then(|n| n.strip_suffix('`')) else {
            continue;
        };
        let may = match *may {
            "everything" => May::Everything,
            "–" => May::Only(BTreeSet::new()),
            list => May::Only(
                list.split(',')
                    .map(|short| format!("podward-{}", short.trim()))
                    .collect(),
            ),
        };
        rows.insert(name.to_owned(), may);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read() {
        let rows = table(
            "| crate | a | may know |\n|-|-|-|\n| `podward` | x | everything |\n| `podward-a` | y | b, c |\n| `podward-b` | z | – |\n",
        );
        assert_eq!(rows.len(), 3);
        assert_eq!(rows["podward"], May::Everything);
        let names = ["podward-b", "podward-c"].map(str::to_owned);
        assert_eq!(rows["podward-a"], May::Only(names.into()));
    }
}
