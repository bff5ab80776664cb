//! `podward explain`: the rules, from the text that findings are made of.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use podward_policy::{CHECKS, Rule, Version, rule, rules};
use serde_json::{Value, json};

use crate::io::{Io, Output, Tone};
use crate::report::{Exit, Report};

/// Explains a rule: what it asks for, why, how a breach is mended, where the rule comes from, and examples.
///
/// Examples:
///   podward explain privilegedPort
///   podward explain --list
///   podward explain --list -o json | jq -r .rule
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Explain {
    /// Rule, as findings name it
    #[arg(
        value_parser = PossibleValuesParser::new(rules().iter().map(|rule| rule.id)),
        hide_possible_values = true,
        ignore_case = true,
        required_unless_present_any = ["list", "markdown"]
    )]
    rule: Option<String>,
    /// Every rule, a line each
    #[arg(long, conflicts_with = "rule")]
    list: bool,
    /// Write a page for each rule, and an index of them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["rule", "list"])]
    markdown: Option<PathBuf>,
    /// `text`, or `json` with one object a line
    #[arg(short, long, value_enum, default_value_t = Output::Text, env = "PODWARD_OUTPUT")]
    output: Output,
}

impl Explain {
    pub(crate) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        io.set_output(self.output);
        if let Some(folder) = &self.markdown {
            return write(folder)
                .map(|()| Exit::Clean)
                .map_err(|e| Report::new(e).at(&folder.to_string_lossy(), None));
        }
        let Some(name) = &self.rule else {
            list(io);
            return Ok(Exit::Clean);
        };
        // the parser has seen to it that there is one, in whatever case
        let is_it = |one: &&Rule| one.id.eq_ignore_ascii_case(name);
        let one = rule(name).or_else(|| rules().iter().copied().find(is_it));
        let one = one.ok_or_else(|| Report::new(format!("there is no rule {name}")))?;
        if io.is_json() {
            io.print(json(one));
        } else {
            io.print(text(io, one));
        }
        Ok(Exit::Clean)
    }
}

fn list(io: &Io) {
    let all = rules();
    let width = all
        .iter()
        .map(|rule| rule.id.len())
        .max()
        .unwrap_or_default();
    for rule in all {
        if io.is_json() {
            io.print(json(rule));
        } else {
            let severity = rule.severity.as_str();
            io.print(format_args!(
                "{:width$}  {severity:7}  {}",
                rule.id, rule.title
            ));
        }
    }
}

/// The versions of Kubernetes that a control of Pod Security is asked from; of other rules there are none.
fn since(rule: &Rule) -> Option<String> {
    let check = CHECKS.iter().find(|check| check.rule.id == rule.id)?;
    Some(format!("since Kubernetes 1.{}", check.since)).filter(|_| check.since > 0)
}

/// What holds of a rule in one line.
fn facts(rule: &Rule) -> String {
    let mut facts = format!(
        "{}; profile {} and stricter; fix: {}",
        rule.severity.as_str(),
        rule.profile,
        rule.remedy.as_str()
    );
    if let Some(since) = since(rule) {
        facts.push_str("; ");
        facts.push_str(&since);
    }
    facts
}

fn json(rule: &Rule) -> Value {
    json!({
        "rule": rule.id,
        "severity": rule.severity.as_str(),
        "profile": rule.profile.as_str(),
        "title": rule.title,
        "why": rule.why,
        "mend": rule.mend,
        "source": rule.source,
        "fix": rule.remedy.as_str(),
        "file": rule.file,
        "asOf": rule.as_of.to_string(),
        "fails": rule.fails,
        "passes": rule.passes,
    })
}

fn text(io: &Io, rule: &Rule) -> String {
    let mut text = format!(
        "{}: {}\n{}\n\nwhy:    {}\nmend:   {}\nsource: {}\n",
        io.tone(Tone::Strong, rule.id),
        rule.title,
        io.tone(Tone::Faint, facts(rule)),
        rule.why,
        rule.mend,
        rule.source
    );
    for (heading, examples) in [
        ("This breaks it", rule.fails),
        ("This keeps it", rule.passes),
    ] {
        for example in examples {
            let _ = write!(text, "\n{heading}{}:\n\n", as_of(rule));
            for line in example.lines() {
                let _ = writeln!(text, "    {line}");
            }
        }
    }
    let _ = write!(
        text,
        "\nTo leave it out at one place, above the line: # podward: ignore[{}] REASON",
        rule.id
    );
    text
}

/// What an example is, where it is no manifest that is judged by the newest version.
fn as_of(rule: &Rule) -> String {
    match (rule.as_of, rule.file) {
        (Version::Latest, "web.yaml") => String::new(),
        (Version::Latest, "image") => ", where this is an image's configuration".to_owned(),
        (Version::Latest, file) => format!(", in {file}"),
        (version @ Version::V1(_), _) => format!(", by Kubernetes {version}"),
    }
}

/// A page of the documents.
fn page(rule: &Rule) -> String {
    let mut page = format!(
        "# {}\n\n{}.\n\n- {}\n- why: {}\n- mend: {}\n- source: {}\n",
        rule.id,
        capital(rule.title),
        facts(rule),
        rule.why,
        rule.mend,
        rule.source
    );
    for (heading, examples) in [("breaks", rule.fails), ("keeps", rule.passes)] {
        for example in examples {
            let _ = write!(
                page,
                "\nThis {heading} it{}:\n\n```{}\n{example}```\n",
                as_of(rule),
                if rule.file == "web.yaml" { "yaml" } else { "" }
            );
        }
    }
    page
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

const INDEX: &str = "\
# Rules

Made by `cargo xtask rules` from the text in the rules themselves; `podward explain RULE` prints the same.

`fix` is what `podward fix` does: `safe` mends it, `unsafe` mends it with `--unsafe-fixes`, `decision` mends it with `--unsafe-fixes` once podward.yaml says which value is right, `none` leaves it to a person.

| rule | severity | profile | fix | what holds |
|-|-|-|-|-|
";

/// Writes the pages, and takes away those of rules that are no more.
fn write(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            std::fs::remove_file(path)?;
        }
    }
    let mut index = INDEX.to_owned();
    for rule in rules() {
        let (id, title) = (rule.id, rule.title);
        let severity = rule.severity.as_str();
        let (profile, fix) = (rule.profile, rule.remedy.as_str());
        let _ = writeln!(
            index,
            "| [{id}]({id}.md) | {severity} | {profile} | {fix} | {title} |"
        );
        std::fs::write(folder.join(format!("{id}.md")), page(rule))?;
    }
    std::fs::write(folder.join("README.md"), index)
}
