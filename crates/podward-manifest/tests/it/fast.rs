//! The fast reader against the general one: same trees, places, duplicates and errors.

use std::path::Path;

use podward_manifest::{parse, parse_generally};

use crate::properties::Draw;
use crate::strict::files;

/// Signs that decide how YAML is read, with what stands around them.
const SIGNS: &[&str] = &[
    "",
    " ",
    "  ",
    "    ",
    "\n",
    "\n\n",
    "\r\n",
    ":",
    ": ",
    " :",
    "- ",
    "-",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ",",
    "\"",
    "'",
    "''",
    "\\",
    "\\n",
    "\\\n",
    "\\u00e9",
    "\\ ",
    "|",
    "|-\n",
    ">\n",
    ">+\n",
    " |\n ",
    "#",
    " #",
    " # x\n",
    "\t",
    " \t",
    "---\n",
    "\n---\n",
    "--- x\n",
    "...\n",
    "%",
    "&a ",
    "*a",
    "!!str ",
    "<<: ",
    "? ",
    "@",
    "`",
    "~",
    "null",
    "yes",
    "0x1F",
    "1_0",
    ".5",
    "é",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{feff}",
    "\u{1f600}",
    "\u{0}",
    "\u{7f}",
    "\r",
    "a: b\n",
    "- a\n",
    "\n  ",
    "\n ",
    "\n    - ",
    "{a: b}",
    "[a, b]",
    "\"a\": ",
    "\"x\ny\"",
    "'x\n\n y'",
    "x\n y",
];

/// Texts in which every form stands that the fast reader reads.
const SEEDS: &[&str] = &[
    "# a\nkind: Pod # b\nmetadata:\n  name: a\n  labels: {app: a, \"b\": 'c', d: }\n  annotations:\n    \"q\": \"x \\\"y\\\" \\u00e9 \\\n      z\"\n    'r' : 'it''s'\nspec:\n  containers:\n  - name: a\n    args: [\"x\", 1, 2.5, ~, [], {}, {a: [b, c]}]\n    command:\n      - sh\n      - -c\n      - |\n        a\n          b\n\n        c\n  -   name: b\n      x:\n      - y\n      -\n        z: 1\n      - # c\n  empty:\nlast: >-\n  folded\n  text\n\n  more\n   less\n\n",
    "{\n  \"a\": \"b\",\n  \"c\": [1, true, null, {\"d\": \"e\\n\"}],\n  \"f\":{\"g\":-1.5}, # x\n  \"h\": \"é\"\n}\n",
    "---\na: one\n  two\n\n  three # c\nb: 'one\n  two\n\n\n  three'\nc: \"one  \n  two\"\nd: |+\n  keep\n\n\n---\n# nothing\n---\n- - a\n  - b: c\n    d: e\n-\n  - f\n- |\n x\n- >\n  y\n  z\n",
    "a:\r\n  b: |\r\n    c\r\n    d\r\n  e: f\r\n   g\r\nh:\r\n- i\r\n- j: k\r\n",
    "é: ü # ö\nñ: {ç: [à, 'è']}\n日本: \"語\" # 本\nx:\n  - 'ä'\n  - ß: |\n      ÿ\n",
];

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

fn changed(draw: &mut Draw, seed: &str) -> String {
    let mut text = seed.to_owned();
    for _ in 0..=draw.below(3) {
        let mut place = |from: usize, to: usize| {
            let at = from + draw.below(to - from + 1);
            (at..).find(|at| text.is_char_boundary(*at)).unwrap_or(0)
        };
        let from = place(0, text.len());
        let to = place(from, text.len().min(from + 6));
        let sign = SIGNS[draw.below(SIGNS.len())];
        let part = text.get(from..to).unwrap();
        let with = match draw.below(6) {
            0 => part.repeat(2),
            1 => String::new(),
            2 => format!("{part}{sign}"),
            3 => format!("{sign}{}", SIGNS[draw.below(SIGNS.len())]),
            _ => sign.to_owned(),
        };
        text.replace_range(from..to, &with);
    }
    text
}

#[test]
fn changed_texts_are_read_as_by_the_general_reader() {
    let mut draw = Draw(2);
    for round in 0..30_000 {
        let text = changed(&mut draw, SEEDS[round % SEEDS.len()]);
        assert!(
            same(&text),
            "{text:?}\n{:#?}\n{:#?}",
            parse("f", &text),
            parse_generally("f", &text)
        );
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
