//! The fast reader against the general one: same trees, places, duplicates and errors. podward-fuzz compares them on
//! drawn texts.

use std::path::Path;

use podward_manifest::{parse, parse_generally};

use crate::strict::files;

/// Whether both readers say the same of a text.
fn same(text: &str) -> bool {
    match (parse("f", text), parse_generally("f", text)) {
        (Ok(fast), Ok(general)) => {
            let same = fast.len() == general.len()
                && fast.iter().zip(&general).all(|(a, b)| {
                    a.index == b.index && a.duplicates == b.duplicates && a.root == b.root
                });
            // a number that is none equals nothing
            same || format!("{fast:?}") == format!("{general:?}")
        }
        (Err(fast), Err(general)) => fast == general,
        _ => false,
    }
}

#[test]
fn real_manifests_are_read_as_by_the_general_reader() {
    let Some(folder) = std::env::var_os("PODWARD_CONFORMANCE") else {
        eprintln!(
            "real_manifests_are_read_as_by_the_general_reader: skipped, PODWARD_CONFORMANCE is not set"
        );
        return;
    };
    let mut paths = Vec::new();
    files(&Path::new(&folder).join("manifests"), &mut paths);
    for path in paths {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        assert!(same(&text), "{}", path.display());
    }
}
