//! Fixes that take changes of several objects, in one file or more.

use podward_manifest::edit;

use super::{Mended, Mending, findings, worse};
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

/// Mends what takes changes of several objects, in one file or more: all of them or none. `mendings`
/// has what is to be reached in each file, `fixed` what is around and stays.
pub fn mend_across(files: &mut [Mended], mendings: &[Mending], fixed: &[Fixed]) {
    for index in 0..files.len() {
        let Some(file) = files.get_mut(index) else {
            return;
        };
        for finding in std::mem::take(&mut file.across) {
            match spread(files, index, &finding, mendings, fixed) {
                Ok(texts) => {
                    for (index, text) in texts {
                        if let Some(file) = files.get_mut(index) {
                            file.text = text;
                        }
                    }
                    if let Some(file) = files.get_mut(index) {
                        file.done.push(finding);
                    }
                }
                Err(why) => {
                    if let Some(file) = files.get_mut(index) {
                        file.failed.push((finding, why));
                    }
                }
            }
        }
    }
}

/// The new texts of all files that the fix of a finding changes.
fn spread(
    files: &[Mended],
    index: usize,
    finding: &Finding,
    mendings: &[Mending],
    fixed: &[Fixed],
) -> Result<Vec<(usize, String)>, String> {
    let stays = || {
        fixed
            .iter()
            .map(|one| (one.path.as_str(), one.text.as_str()))
    };
    let texts = || {
        let files = files.iter();
        let own = files.map(|file| (file.path.as_str(), file.text.as_str()));
        own.chain(stays())
    };
    let around = surroundings(|| gather(texts()));
    let file = files.get(index).ok_or("the file is gone")?;
    let asked = |index: usize| {
        let mending = mendings.get(index);
        mending.ok_or("nothing is asked of the file")
    };
    let settings = |index: usize| asked(index).map(|mending| &mending.settings);
    let before = findings(&file.path, &file.text, settings(index)?, &around)?;
    // the fix of the text as it is now: what was mended before has moved the lines
    let is_it = |f: &Finding| (f.rule, &f.field) == (finding.rule, &finding.field);
    let now = before
        .iter()
        .find(|(.., f)| is_it(f) && mendings.get(index).is_some_and(|m| m.wants(f)));
    let Some((number, start, now)) = now else {
        return Ok(Vec::new());
    };
    let Some(fix) = &now.fix else {
        return Err("another fix is in its way".into());
    };
    let mut edits = vec![(index, *start, now.changes())];
    for other in &fix.elsewhere {
        let of = files.iter().position(|file| file.path == *other.path);
        let of = of.ok_or_else(|| {
            let why = fixed.iter().find(|one| one.path == *other.path);
            let why = why.map_or("it is not among the files given", |one| &one.why);
            format!("{} has to change as well, and cannot: {why}", other.path)
        })?;
        if let Some(why) = other.blocked {
            return Err(format!("{} {why}", other.path));
        }
        if settings(of)?.exceptions.is_patch {
            return Err(format!("{} is a patch of kustomize", other.path));
        }
        let changes = other.edits.iter().map(|edit| edit.change(""));
        edits.push((of, other.start, changes.collect()));
    }
    // from the end of each file on: the places before stay
    edits.sort_by_key(|(file, start, _)| (*file, std::cmp::Reverse(*start)));
    let mut texts_after: Vec<(usize, String)> = Vec::new();
    for (of, start, changes) in edits {
        let done = texts_after.iter().position(|(done, _)| *done == of);
        let text = match done {
            Some(at) => texts_after.swap_remove(at).1,
            None => files
                .get(of)
                .map(|file| file.text.clone())
                .unwrap_or_default(),
        };
        let text = edit(&text, start, &changes).map_err(|e| e.to_string())?;
        texts_after.push((of, text));
    }
    let changed = |index: usize| texts_after.iter().find(|(of, _)| *of == index);
    let around_after = surroundings(|| {
        let own = files.iter().enumerate().map(|(index, file)| {
            let text = changed(index).map_or(&file.text, |(_, text)| text);
            (file.path.as_str(), text.as_str())
        });
        gather(own.chain(stays()))
    });
    for (of, text) in &texts_after {
        let Some(file) = files.get(*of) else { continue };
        let before = findings(&file.path, &file.text, settings(*of)?, &around)?;
        let after = findings(&file.path, text, settings(*of)?, &around_after)?;
        let mended: &[&Finding] = if *of == index { &[now] } else { &[] };
        if let Some(why) = worse(&before, &after, *number, mended, asked(*of)?) {
            return Err(why);
        }
    }
    drop(around_after);
    Ok(texts_after)
}
