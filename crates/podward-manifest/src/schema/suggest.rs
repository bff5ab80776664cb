//! What a field that does not exist was meant to be.

use super::table::{Table, TypeId};

/// How to go on after an unknown field. `above` are the structs around it and their paths, the
/// nearest first: the first is where the field stands.
pub(super) fn suggest(table: &'static Table, name: &str, above: &[(TypeId, String)]) -> String {
    let has = |id: TypeId| {
        table
            .fields(id)
            .binary_search_by(|field| field.name.cmp(name))
            .is_ok()
    };
    let Some((here, _)) = above.first() else {
        return String::new();
    };
    if name.starts_with('$') {
        return "this is a patch and no whole object: check what the patch makes".to_owned();
    }
    if let Some(near) = nearest(table, *here, name) {
        return format!("did you mean \"{near}\"?");
    }
    let inside = table.fields(*here).iter().find(|field| has(field.of));
    if let Some(inside) = inside {
        return format!(
            "{name} is a field of {}: move it there, one step further in",
            inside.name
        );
    }
    // what a container has and its pod has not, people write for the pod
    if table.get(*here).name == "core/v1.PodSecurityContext"
        && [
            "privileged",
            "allowPrivilegeEscalation",
            "capabilities",
            "procMount",
            "readOnlyRootFilesystem",
        ]
        .contains(&name)
    {
        return format!(
            "a pod's securityContext has no {name}: set it in the securityContext of every container"
        );
    }
    if let Some((_, path)) = above.iter().skip(1).find(|(id, _)| has(*id)) {
        let of = if path.is_empty() {
            "the object itself"
        } else {
            path
        };
        return format!("{name} is a field of {of}: is it indented too far?");
    }
    let names: Vec<_> = table.fields(*here).iter().map(|f| f.name).collect();
    if names.len() <= 8 {
        return format!("the fields here are {}", names.join(", "));
    }
    "the API server drops it, or refuses the object where it is strict: take it out".to_owned()
}

/// The known field that a name is nearest to, if it is near at all.
fn nearest(table: &'static Table, id: TypeId, name: &str) -> Option<&'static str> {
    nearest_of(name, table.fields(id).iter().map(|field| field.name))
}

/// The known name that a name is nearest to, if it is near at all.
pub fn nearest_of<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.len() / 3).min(2);
    known
        .map(|known| (distance(name, known), known))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// How many letters are to be changed, put in, taken out or swapped with the next; capitals do not
/// count.
fn distance(from: &str, to: &str) -> usize {
    const LONGEST: usize = 64;
    if from.len() > LONGEST || to.len() > LONGEST {
        return usize::MAX;
    }
    let lower = |text: &str| {
        text.bytes()
            .map(|b| b.to_ascii_lowercase())
            .collect::<Vec<_>>()
    };
    let (from, to) = (lower(from), lower(to));
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let at =
                |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&last, j) + usize::from(a != b))
                .min(at(&last, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && from.get(i - 1) == Some(b) && to.get(j - 1) == Some(a);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn slips_of_the_hand_are_near() {
        assert_eq!(distance("imagee", "image"), 1);
        assert_eq!(distance("contianers", "containers"), 1);
        assert_eq!(distance("runasuser", "runAsUser"), 0);
        assert!(distance("foo", "image") > 2);
    }
}
