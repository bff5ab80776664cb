//! What holds of any text: nothing panics, and every place is in the file.

use podward_manifest::{
    Position, decode_error, objects, objects_found, parse, parse_each, strict, strict_and_decoded,
    workloads,
};

/// Manifests with all that YAML has; the cases are these with parts taken out, doubled or replaced.
const SEEDS: &[&str] = &[
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels: &l {app: a, \"b\": 'c'}\nspec:\n  hostPID: yes\n  containers:\n  - name: a\n    image: b\n    args: [\"x\", 1, 2.5, ~]\n    env:\n    - <<: *l\n      name: é\n      value: |\n        text\n         more\n",
    "{\"apiVersion\": \"apps/v1\", \"kind\": \"Deployment\", \"metadata\": {\"name\": \"a\"}, \"spec\": {\"replicas\": 1, \"template\": {\"spec\": {\"containers\": [{\"name\": \"a\"}]}}}}",
    "# two\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}, data: {a: YQ==}}\n---\n---\r\napiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  generateName: a-\r\ndata:\r\n  ? k\r\n  : >-\r\n    v\r\n...\n",
];
const PARTS: &[&str] = &[
    "",
    " ",
    "\n",
    "  ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "*l",
    "<<: ",
    "\"",
    "'",
    "|",
    ">",
    "\t",
    "%",
    "---\n",
    "...\n",
    "!!str ",
    "!!binary ",
    "0x",
    "1e999",
    "-.inf",
    ".nan",
    "0b2",
    "\u{feff}",
    "\u{0}",
    "é",
    "spec",
    "null",
    "? ",
    "#",
];

/// Numbers that look drawn, the same in every run.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

fn changed(draw: &mut Draw) -> String {
    let mut text: Vec<char> = SEEDS[draw.below(SEEDS.len())].chars().collect();
    for _ in 0..=draw.below(4) {
        let from = draw.below(text.len());
        let to = (from + draw.below(12)).min(text.len());
        let part: Vec<char> = match draw.below(4) {
            0 => text[from..to]
                .iter()
                .chain(&text[from..to])
                .copied()
                .collect(),
            _ => PARTS[draw.below(PARTS.len())].chars().collect(),
        };
        text.splice(from..to, part);
    }
    text.into_iter().collect()
}

#[test]
fn nothing_panics_and_every_place_is_in_the_file() {
    let mut draw = Draw(1);
    let (mut parsed, mut faults) = (0, 0);
    for _ in 0..20_000 {
        let text = changed(&mut draw);
        // an error may stand behind the last character; a lone `\r` ends a line of YAML too
        let inside = |at: Position| {
            let lines = text.split(['\r', '\n']).count();
            assert!(
                (1..=lines + 1).contains(&at.line) && at.column >= 1,
                "{at} in {text:?}"
            );
        };
        let (found, errors) = parse_each("f", &text);
        errors.iter().for_each(|e| inside(e.position));
        let count = found.len();
        for object in found.into_iter().flat_map(objects_found) {
            inside(object.node.start);
            let refused = decode_error(&object).is_some();
            assert!(
                !refused || strict(&object).iter().any(|f| !f.unknown),
                "{text:?}"
            );
            let both = (strict(&object), decode_error(&object));
            assert_eq!(strict_and_decoded(&object), both, "{text:?}");
            for workload in workloads(&object) {
                assert!(
                    workload.spec.start >= object.node.start
                        || workload.spec.is_null()
                        || text.contains('*'),
                    "{text:?}"
                );
            }
        }
        match parse("f", &text) {
            Ok(documents) => {
                parsed += 1;
                assert_eq!(documents.len(), count);
                for document in documents {
                    document.duplicates.iter().for_each(|d| inside(d.position));
                    match objects(document) {
                        Ok(found) => {
                            for object in &found {
                                for fault in strict(object) {
                                    faults += 1;
                                    inside(fault.position);
                                }
                            }
                        }
                        Err(error) => inside(error.position),
                    }
                }
            }
            Err(error) => inside(error.position),
        }
    }
    assert!(
        parsed > 1000 && faults > 1000,
        "{parsed} parsed, {faults} faults"
    );
}
