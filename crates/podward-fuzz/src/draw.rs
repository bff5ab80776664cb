//! Inputs that look drawn.

use std::path::{Path, PathBuf};

/// Manifests and texts of every form, which inputs are made of.
const SEEDS: &[&str] = &[
    "# a\nkind: Pod # b\nmetadata:\n  name: a\n  labels: {app: a, \"b\": 'c', d: }\n  annotations:\n    \"q\": \"x \\\"y\\\" \\u00e9 \\\n      z\"\n    'r' : 'it''s'\nspec:\n  containers:\n  - name: a\n    args: [\"x\", 1, 2.5, ~, [], {}, {a: [b, c]}]\n    command:\n      - sh\n      - -c\n      - |\n        a\n          b\n\n        c\n    env:\n    - {name: PASSWORD, value: hunter2hunter2}\n  empty:\nlast: >-\n  folded\n  text\n\n  more\n   less\n\n",
    "{\n  \"a\": \"b\",\n  \"c\": [1, true, null, {\"d\": \"e\\n\"}],\n  \"f\":{\"g\":-1.5},\n  \"h\": \"é\"\n}\n",
    "---\na: one\n  two\n\n  three # c\nb: 'one\n  two\n\n\n  three'\nc: \"one  \n  two\"\nd: |+\n  keep\n\n\n---\n# nothing\n---\n- - a\n  - b: c\n    d: e\n-\n  - f\n- |\n x\n- >\n  y\n  z\n",
    "a:\r\n  b: |\r\n    c\r\n    d\r\n  e: f\r\n   g\r\nh:\r\n- i\r\n- j: k\r\n",
    "é: ü # ö\nñ: {ç: [à, 'è']}\n日本: \"語\" # 本\nx:\n  - 'ä'\n  - ß: |\n      ÿ\n",
    "x: &x {a: 1, b: 2}\nz:\n  <<: *x\n  b: 3\nt: !!str 5\n? k\n: v\n...\n%YAML 1.2\n---\na: b\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a.ini: |\n    [db]\n    password = s3cr3t-Pa55word\n    url=postgres://user:Pa55word@db:5432/x?sslmode=disable\n  b.xml: <password>s3cr3t-Pa55</password>\n  c.sh: |\n    curl -u user:Pa55word -H \"Authorization: Bearer abcdef0123456789abcdef\" https://a\n    export AWS_SECRET_ACCESS_KEY='abcd/efgh+ijkl0123456789mnopqrstuvwxyzAB'\n  d: \"AccountName=a;AccountKey=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==;\"\n  e: \"-----BEGIN RSA PRIVATE KEY-----\\nMIIEabcdefgh\\n-----END RSA PRIVATE KEY-----\"\n  f: $2y$10$abcdefghijklmnopqrstuuJ1x2y3z4A5B6C7D8E9F0G1H2I3J4K5L6\n  g: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlc2lnbmF0dXJl\n",
];

/// Signs that decide how a text is read.
const SIGNS: &[&str] = &[
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
    "\\ud83d\\ude00",
    "|",
    "|-\n",
    ">\n",
    ">+\n",
    "|2\n",
    "#",
    " #",
    " # x\n",
    "\t",
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
    "{a: b}",
    "[a, b]",
    "\"a\": ",
    "\"x\ny\"",
    "'x\n\n y'",
    "x\n y",
    "\n    - ",
    "\\ ",
    " \t",
    " |\n ",
    "\u{0}",
    "=",
    "$",
    "${A}",
    "$(A)",
    "://",
    "@",
    "+",
    "/",
    "<",
    ">",
    "</",
    "password",
    "password=",
    "token: ",
    "Bearer ",
    "Basic ",
    "-----BEGIN ",
    "LS0t",
    "+AAAA",
    "value: ",
    "name: ",
    "AKIA",
    "ghp_",
    "==",
    ";",
];

/// Longest text of a file that inputs are made of, bytes, and the most files.
const MAX_TEXT: usize = 6000;
const MAX_FILES: usize = 1000;

/// Numbers that follow from a seed.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64, name: &str, case: u64) -> Self {
        let name = name.bytes().fold(0_u64, |sum, b| {
            sum.wrapping_mul(31).wrapping_add(u64::from(b))
        });
        let mut draw = Self(seed ^ name.rotate_left(40) ^ case.rotate_left(20));
        draw.next();
        draw.next();
        draw
    }

    /// By the method of splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below another; 0 below 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or_default()
    }

    pub(crate) fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> Option<&'a T> {
        all.get(self.below(all.len())).copied()
    }
}

/// The texts that inputs are made of.
pub(crate) struct Corpus {
    texts: Vec<String>,
    /// How many of them, from the first, every other input is made of.
    seeds: usize,
}

impl Corpus {
    /// Those above, the examples, and what `PODWARD_CONFORMANCE` names.
    pub(crate) fn read() -> Self {
        let mut paths = Vec::new();
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        walk(&examples, &mut paths);
        if let Some(folder) = std::env::var_os("PODWARD_CONFORMANCE") {
            walk(&Path::new(&folder).join("manifests"), &mut paths);
        }
        paths.sort();
        let texts = paths
            .iter()
            .filter_map(|path| std::fs::read_to_string(path).ok());
        let texts = texts.filter(|text| text.len() <= MAX_TEXT).take(MAX_FILES);
        let own = SEEDS.iter().map(|&text| text.to_owned());
        Self {
            texts: own.chain(texts).collect(),
            seeds: SEEDS.len(),
        }
    }

    /// Other texts.
    pub(crate) fn of(texts: Vec<String>) -> Self {
        let seeds = texts.len();
        Self { texts, seeds }
    }

    /// A text with a few changes.
    pub(crate) fn changed(&self, draw: &mut Draw) -> String {
        let index = match draw.below(2) {
            0 => draw.below(self.seeds),
            _ => draw.below(self.texts.len()),
        };
        let mut text = self.texts.get(index).cloned().unwrap_or_default();
        for _ in 0..=draw.below(4) {
            let from = place(&text, draw.below(text.len() + 1));
            let to = place(&text, text.len().min(from + draw.below(12)));
            let part = text.get(from..to).unwrap_or_default();
            let sign = draw.one_of(SIGNS).unwrap_or_default();
            let with = match draw.below(8) {
                0 => part.repeat(2),
                1 => String::new(),
                2 => format!("{part}{sign}"),
                3 => format!("{sign}{}", draw.one_of(SIGNS).unwrap_or_default()),
                4 => sign.repeat(1 + draw.below(200)),
                5 => self.part(draw),
                _ => sign.to_owned(),
            };
            text.replace_range(from..to, &with);
        }
        text
    }

    /// A piece of a text, of any length.
    fn part(&self, draw: &mut Draw) -> String {
        let text = self.texts.get(draw.below(self.texts.len()));
        let text = text.map(String::as_str).unwrap_or_default();
        let from = place(text, draw.below(text.len() + 1));
        let to = place(text, text.len().min(from + draw.below(80)));
        text.get(from..to).unwrap_or_default().to_owned()
    }

    /// What is repeated to see how time grows: some signs, a piece, or a whole text.
    pub(crate) fn piece(&self, draw: &mut Draw) -> String {
        match draw.below(4) {
            0 => self.changed(draw),
            1 => self.part(draw),
            _ => {
                let count = 1 + draw.below(3);
                (0..count).filter_map(|_| draw.one_of(SIGNS)).collect()
            }
        }
    }
}

/// The next place at which a text can be cut.
fn place(text: &str, at: usize) -> usize {
    let mut places = at..text.len();
    places
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len())
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}
