//! Fixes that take changes of several objects, in one file or more.

use std::collections::{BTreeMap, BTreeSet};

use podward_manifest::{Change, Position, edit_all};

use super::{Group, Mended, Mending, Placed, changes_others, distinct, findings, is_safe, worse};
use crate::Finding;
use crate::neighbours::{Neighbours, surroundings};

/// What the objects of texts say about each other.
pub(super) fn gather<'a>(texts: impl Iterator<Item = (&'a str, &'a str)>) -> Neighbours {
    let mut neighbours = Neighbours::default();
    for (path, text) in texts {
        neighbours.add_text(path, text);
    }
    neighbours
}

/// A file that is judged with others, and cannot be changed.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// Path of the file.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Why it cannot be changed.
    pub why: String,
}

/// A finding whose fix changes several objects.
struct One {
    /// Index of its file.
    file: usize,
    /// Number of its object there.
    object: usize,
    finding: Finding,
}

/// Mends what takes changes of several objects, in one file or more: for each finding all of them or none. `mendings`
/// has what is to be reached in each file, `fixed` what is around and stays.
///
/// All findings are tried at once, and by halves where that makes something worse: each try reads every file.
pub fn mend_across(files: &mut [Mended], mendings: &[Mending], fixed: &[Fixed]) {
    let (mut safe, mut others) = (Vec::new(), Vec::new());
    for one in taken(files, mendings, fixed) {
        // what is new counts for more beside safe ones
        let batch = if is_safe(&one.finding) {
            &mut safe
        } else {
            &mut others
        };
        batch.push(one);
    }
    let mut waiting = vec![others, safe];
    while let Some(mut batch) = waiting.pop() {
        if batch.is_empty() {
            continue;
        }
        let (texts, failed) = match spread(files, &batch, mendings, fixed) {
            Ok(spread) => spread,
            Err(_) if batch.len() > 1 => {
                let behind = batch.split_off(batch.len() / 2);
                waiting.extend([behind, batch]);
                continue;
            }
            Err(why) => (Texts::new(), BTreeMap::from([(0, why)])),
        };
        for (index, text) in texts {
            if let Some(file) = files.get_mut(index) {
                file.text = text;
            }
        }
        for (number, one) in batch.into_iter().enumerate() {
            let Some(file) = files.get_mut(one.file) else {
                continue;
            };
            match failed.get(&number) {
                Some(why) => file.failed.push((one.finding, why.clone())),
                None => file.done.push(one.finding),
            }
        }
    }
}

/// Texts by the index of their file.
type Texts = BTreeMap<usize, String>;

/// Takes the findings out of their files, each with its object: a place moves as others are mended, and a file may have
/// the same finding in several objects.
fn taken(files: &mut [Mended], mendings: &[Mending], fixed: &[Fixed]) -> Vec<One> {
    if files.iter().all(|file| file.across.is_empty()) {
        return Vec::new();
    }
    let objects: Vec<Vec<(usize, Finding)>> = {
        let files = &*files;
        let none = Texts::new();
        let around = surroundings(|| gathered(files, fixed, &none));
        let of = |(file, mending): (&Mended, &Mending)| {
            if file.across.is_empty() {
                return Vec::new();
            }
            let found = findings(&file.path, &file.text, &mending.settings, &around);
            let found = found.unwrap_or_default().into_iter();
            found
                .filter(|(_, _, finding)| changes_others(finding))
                .map(|(object, _, finding)| (object, finding))
                .collect()
        };
        files.iter().zip(mendings).map(of).collect()
    };
    let mut all = Vec::new();
    for ((index, file), mut known) in files.iter_mut().enumerate().zip(objects) {
        for finding in std::mem::take(&mut file.across) {
            let is_it = |(_, one): &(usize, Finding)| {
                (one.rule, &one.field) == (finding.rule, &finding.field)
            };
            // what is no longer found was mended with another
            match known.iter().position(is_it) {
                Some(at) => all.push(One {
                    file: index,
                    object: known.remove(at).0,
                    finding,
                }),
                None => file.done.push(finding),
            }
        }
    }
    all
}

/// What the files say about each other, those of `texts` as they are there.
fn gathered(files: &[Mended], fixed: &[Fixed], texts: &Texts) -> Neighbours {
    let own = files.iter().enumerate().map(|(index, file)| {
        let text = texts.get(&index).unwrap_or(&file.text);
        (file.path.as_str(), text.as_str())
    });
    let stays = fixed.iter();
    let stays = stays.map(|one| (one.path.as_str(), one.text.as_str()));
    gather(own.chain(stays))
}

/// The new texts of all files that the fixes of these findings change, and the findings, by their number, whose fixes
/// cannot be made whatever comes of the others.
fn spread(
    files: &[Mended],
    batch: &[One],
    mendings: &[Mending],
    fixed: &[Fixed],
) -> Result<(Texts, BTreeMap<usize, String>), String> {
    let asked = |index: usize| {
        let mending = mendings.get(index);
        mending.ok_or("nothing is asked of the file")
    };
    let none = Texts::new();
    let around = surroundings(|| gathered(files, fixed, &none));
    let judged = |indices: &BTreeSet<usize>| -> Result<BTreeMap<usize, Vec<Placed>>, String> {
        let of = |index: &usize| {
            let (file, mending) = (files.get(*index).ok_or("the file is gone")?, asked(*index)?);
            let found = findings(&file.path, &file.text, &mending.settings, &around)?;
            Ok((*index, found))
        };
        indices.iter().map(of).collect()
    };
    let own: BTreeSet<usize> = batch.iter().map(|one| one.file).collect();
    let before = judged(&own)?;
    // the fixes of the texts as they are now: what was mended before has moved the lines
    let mut now = BTreeMap::new();
    for (index, found) in &before {
        let wanted = found
            .iter()
            .filter(|(.., one)| asked(*index).is_ok_and(|mending| mending.wants(one)));
        for placed in wanted {
            let (object, _, finding) = placed;
            let place = (*index, *object, finding.rule, finding.field.as_str());
            now.entry(place).or_insert(placed);
        }
    }
    let by_path: BTreeMap<&str, usize> = files
        .iter()
        .enumerate()
        .rev()
        .map(|(index, file)| (file.path.as_str(), index))
        .collect();
    let mut edits: BTreeMap<usize, BTreeMap<Position, Vec<Change>>> = BTreeMap::new();
    let mut mended: BTreeMap<usize, Vec<&Placed>> = BTreeMap::new();
    let mut failed = BTreeMap::new();
    for (number, one) in batch.iter().enumerate() {
        let finding = &one.finding;
        let place = (one.file, one.object, finding.rule, finding.field.as_str());
        let Some(placed) = now.get(&place) else {
            continue;
        };
        match changes_of(one.file, placed, &by_path, mendings, fixed) {
            Ok(changes) => {
                for (file, start, changes) in changes {
                    let of_file = edits.entry(file).or_default();
                    of_file.entry(start).or_default().extend(changes);
                }
                mended.entry(one.file).or_default().push(placed);
            }
            Err(why) => {
                failed.insert(number, why);
            }
        }
    }
    let mut texts = Texts::new();
    for (index, edits) in edits {
        let Some(file) = files.get(index) else {
            continue;
        };
        let edits: Vec<_> = edits
            .into_iter()
            .map(|(start, changes)| (start, distinct(changes.into_iter())))
            .collect();
        let text = edit_all(&file.text, &edits).map_err(|e| e.to_string())?;
        texts.insert(index, text);
    }
    let others = judged(
        &texts
            .keys()
            .copied()
            .filter(|of| !own.contains(of))
            .collect(),
    )?;
    let around_after = surroundings(|| gathered(files, fixed, &texts));
    for (index, text) in &texts {
        let before = before.get(index).or_else(|| others.get(index));
        let (Some(file), Some(before)) = (files.get(*index), before) else {
            continue;
        };
        let mending = asked(*index)?;
        let after = findings(&file.path, text, &mending.settings, &around_after)?;
        let mended = mended.remove(index).unwrap_or_default();
        let groups: Vec<_> = mended
            .chunk_by(|(one, ..), (next, ..)| one == next)
            .filter_map(|chunk| {
                let (number, start, _) = chunk.first()?;
                Some(Group {
                    number: *number,
                    start: *start,
                    findings: chunk.iter().map(|(_, _, finding)| finding).collect(),
                })
            })
            .collect();
        if let Some(why) = worse(before, &after, &groups, mending) {
            return Err(why);
        }
    }
    drop(around_after);
    Ok((texts, failed))
}

/// What the fix of a finding changes, by file and object.
fn changes_of(
    file: usize,
    (_, start, finding): &Placed,
    by_path: &BTreeMap<&str, usize>,
    mendings: &[Mending],
    fixed: &[Fixed],
) -> Result<Vec<(usize, Position, Vec<Change>)>, String> {
    let Some(fix) = &finding.fix else {
        return Err("another fix is in its way".into());
    };
    let mut all = vec![(file, *start, finding.changes())];
    for other in &fix.elsewhere {
        let of = *by_path.get(&*other.path).ok_or_else(|| {
            let why = fixed.iter().find(|one| one.path == *other.path);
            let why = why.map_or("it is not among the files given", |one| &one.why);
            format!("{} has to change as well, and cannot: {why}", other.path)
        })?;
        if let Some(why) = other.blocked {
            return Err(format!("{} {why}", other.path));
        }
        let is_patch = mendings
            .get(of)
            .is_none_or(|mending| mending.settings.exceptions.is_patch);
        if is_patch {
            return Err(format!("{} is a patch of kustomize", other.path));
        }
        let changes = other.edits.iter().map(|edit| edit.change("")).collect();
        all.push((of, other.start, changes));
    }
    Ok(all)
}
