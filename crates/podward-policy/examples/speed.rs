//! How fast manifests are read and judged, on one core: `speed FOLDER [ROUNDS [READERS]]` prints MB/s from
//! text to findings by the profile `podward`, of podward's reader, of its general reader alone, and
//! of the bare parser below that; or of the first so many of these.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use granit_parser::Parser;
use podward_manifest::{parse_each, parse_generally};
use podward_policy::{Ids, Neighbours, Profile, Settings, Version, examine_each, surroundings};

/// Reads a text and counts what it found.
type Reader = fn(&str) -> usize;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    let rounds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(5);
    let mut texts = Vec::new();
    read(Path::new(&folder), &mut texts)?;
    let all: [(&str, Reader); 4] = [
        ("podward, from text to findings", findings),
        ("podward", |text| parse_each("f", text).0.len()),
        ("podward, general reader", |text| {
            parse_generally("f", text).map_or(0, |found| found.len())
        }),
        ("granit-parser", |text| Parser::new_from_str(text).count()),
    ];
    let readers = arguments
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(all.len());
    for (name, run) in all.into_iter().take(readers) {
        let mut speeds: Vec<f64> = (0..rounds).map(|_| speed(&texts, run)).collect();
        speeds.sort_by(f64::total_cmp);
        let median = speeds.get(speeds.len() / 2).copied().unwrap_or_default();
        writeln!(std::io::stdout(), "{name}\t{median:.1}")?;
    }
    Ok(())
}

fn findings(text: &str) -> usize {
    let settings = Settings {
        profile: Profile::Podward,
        version: Version::Latest,
        ids: Ids::default(),
        exceptions: Arc::default(),
    };
    let mut objects = 0;
    let around = surroundings(Neighbours::default);
    examine_each("f", text, &settings, &around, &mut |examined| {
        objects += std::hint::black_box(examined).objects.len();
    });
    objects
}

/// MB/s of one pass over all texts.
fn speed(texts: &[String], run: Reader) -> f64 {
    let begun = Instant::now();
    for text in texts {
        std::hint::black_box(run(text));
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure")]
    let bytes = texts.iter().map(String::len).sum::<usize>() as f64;
    bytes / begun.elapsed().as_secs_f64() / 1e6
}

fn read(folder: &Path, texts: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, texts)?;
        } else if path
            .extension()
            .is_some_and(|e| e == "yaml" || e == "yml" || e == "json")
        {
            texts.extend(std::fs::read_to_string(&path));
        }
    }
    Ok(())
}
