//! How large an object may be to be judged. A few bytes of text may take a hundred times that when they are read, and
//! each container has findings of its own: whoever may make a pod must not be able to end the webhook by one.

use memchr::memchr;
use podward_manifest::Workload;
use serde_json::Value;

use crate::review::Answer;

/// Most entries of lists and mappings of an object, which is some hundred times what large pods have.
const MOST_ENTRIES: usize = 20_000;

/// Most containers of all pods that an object makes.
const MOST_CONTAINERS: usize = 1_000;

/// Where containers stand in a pod.
const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// What is said of an object that has more.
pub(crate) const TOO_LARGE: &str =
    "podward judges objects of up to 20000 entries and 1000 containers: this one has more";

/// Whether a text of JSON has more entries than are read.
pub(crate) fn is_too_large(json: &str) -> bool {
    let bytes = json.as_bytes();
    // no entry takes less than two bytes
    if bytes.len() < 2 * MOST_ENTRIES {
        return false;
    }
    let is_mark = |byte: &&u8| matches!(byte, b',' | b'[' | b'{');
    let (mut entries, mut at) = (0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let end = memchr(b'"', rest).unwrap_or(rest.len());
        entries += rest.iter().take(end).filter(is_mark).count();
        if entries > MOST_ENTRIES {
            return true;
        }
        at = end_of_string(bytes, at + end + 1).map_or(bytes.len(), |end| end + 1);
    }
    false
}

/// The mark that ends a string whose first character stands here.
pub(crate) fn end_of_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Whether a pod has more containers than are judged.
pub(crate) fn has_too_many_containers(pod: &Value) -> bool {
    let spec = pod.get("spec");
    let lists = LISTS.iter().filter_map(|list| spec?.get(list)?.as_array());
    lists.map(Vec::len).sum::<usize>() > MOST_CONTAINERS
}

/// Whether the pods that an object makes have more of them.
pub(crate) fn have_too_many_containers(workloads: &[Workload<'_>]) -> bool {
    let of = |one: &Workload<'_>| -> usize {
        let lists = LISTS.iter().filter_map(|list| one.spec.get(list));
        lists.map(|list| list.items().len()).sum()
    };
    workloads.iter().map(of).sum::<usize>() > MOST_CONTAINERS
}

/// The refusal of what is too large.
pub(crate) fn too_large() -> Answer {
    Answer::refused(413, "RequestEntityTooLarge", TOO_LARGE.into()).noting("error", TOO_LARGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_count_and_what_stands_in_strings_does_not() {
        let list = |entry: &str, times: usize| format!("[{}]", vec![entry; times].join(","));
        for (entry, times, want) in [
            ("1", MOST_ENTRIES, false),
            ("1", MOST_ENTRIES + 1, true),
            ("{}", MOST_ENTRIES, true),
            (r#"{"a":"b"}"#, MOST_ENTRIES, true),
            (r#"",\",[{,\"""#, 10_000, false),
        ] {
            assert_eq!(is_too_large(&list(entry, times)), want, "{entry} {times}");
        }
        let text = format!(r#"{{"args":["{}"]}}"#, "[{,".repeat(100_000));
        assert!(!is_too_large(&text));
        assert!(!is_too_large(&format!("{text}\"")));
    }
}
