//! Every rule's examples do what they say, and its fix mends them.

use podward_policy::{
    Decoded, Finding, Ids, Mended, Mending, Neighbours, Profile, Remedy, Rule, Settings, Severity,
    credentials_of_file, examine, findings_of_image, mend, mend_across, rules, surroundings,
};

const IDS: Ids = Ids {
    run_as_user: Some(1000),
    run_as_group: Some(1000),
    fs_group: Some(1000),
};

fn settings(rule: &Rule, ids: Ids) -> Settings {
    Settings {
        profile: rule.profile,
        version: rule.as_of,
        ids,
        exceptions: Default::default(),
    }
}

/// The objects of an example that others ask for.
fn neighbours(text: &str) -> Neighbours {
    let mut neighbours = Neighbours::default();
    let documents = podward_manifest::parse("example.yaml", text).unwrap();
    for object in documents
        .into_iter()
        .flat_map(podward_manifest::objects_found)
    {
        neighbours.add(&object);
    }
    neighbours
}

fn findings(text: &str, settings: &Settings) -> Vec<Finding> {
    let around = surroundings(|| neighbours(text));
    let examined = examine("example.yaml", text, settings, &around);
    assert!(examined.errors.is_empty(), "{:?}\n{text}", examined.errors);
    let mut found = examined.of_file;
    for object in examined.objects {
        found.extend(object.findings);
        for decoded in object.verdicts {
            if let Decoded::Verdict(verdict) = decoded {
                found.extend(verdict.violations.into_iter().flat_map(|v| v.findings));
            }
        }
    }
    found
}

fn of(rule: &Rule, text: &str, ids: Ids) -> Vec<Finding> {
    let found = match rule.file {
        "web.yaml" => findings(text, &settings(rule, ids)),
        "image" => findings_of_image("image", text),
        file => credentials_of_file(file, text),
    };
    let found = found.into_iter();
    found.filter(|finding| finding.rule == rule.id).collect()
}

#[test]
fn every_rule_has_examples_that_show_it() {
    for rule in rules() {
        assert!(
            !rule.fails.is_empty() && !rule.passes.is_empty(),
            "{}",
            rule.id
        );
        for text in rule.fails {
            let found = of(rule, text, Ids::default());
            assert!(!found.is_empty(), "{} is not found in\n{text}", rule.id);
        }
        let worst = rule
            .fails
            .iter()
            .flat_map(|text| of(rule, text, Ids::default()));
        let worst = worst.map(|finding| finding.severity).max();
        assert_eq!(worst, Some(rule.severity), "{}", rule.id);
        for text in rule.passes {
            let found = of(rule, text, Ids::default());
            assert_eq!(found, [], "{} is found in\n{text}", rule.id);
        }
    }
}

fn mended(text: &str, settings: &Settings, may_break: bool) -> Mended {
    let around = surroundings(|| neighbours(text));
    let mending = Mending {
        settings: settings.clone(),
        may_break,
        hints: true,
    };
    let mut files = [mend("example.yaml", text, &mending, &around).unwrap()];
    mend_across(&mut files, &[mending], &[]);
    let [file] = files;
    file
}

#[test]
fn the_fix_of_every_rule_mends_its_examples() {
    for rule in rules() {
        let settings = settings(rule, IDS);
        let examples = rule.fails.iter().filter(|_| rule.file == "web.yaml");
        for text in examples {
            let safe = mended(text, &settings, false);
            let all = mended(text, &settings, true);
            let left = |mended: &Mended| {
                let found = findings(&mended.text, &settings).into_iter();
                let of_rule = found.filter(|f| f.rule == rule.id && f.severity == rule.severity);
                of_rule.count()
            };
            let after = match rule.remedy {
                Remedy::Safe => &safe,
                Remedy::MayBreak | Remedy::Decision => {
                    assert!(left(&safe) > 0, "{} has a safe fix\n{}", rule.id, safe.text);
                    &all
                }
                Remedy::ByHand => {
                    let found = of(rule, text, IDS);
                    assert!(found.iter().all(|f| f.fix.is_none()), "{}", rule.id);
                    continue;
                }
            };
            assert_eq!(
                left(after),
                0,
                "{}: {:?}\n{text}\n{}",
                rule.id,
                after.failed,
                after.text
            );
            let again = mended(&all.text, &settings, true);
            assert_eq!(again.text, all.text, "{}", rule.id);
        }
    }
}

#[test]
fn texts_are_whole_and_names_are_unique() {
    let all = rules();
    for pair in all.windows(2) {
        assert_ne!(pair[0].id, pair[1].id);
    }
    for rule in all {
        for text in [rule.title, rule.why, rule.mend, rule.source] {
            assert!(text.len() > 10, "{}", rule.id);
            assert!(!text.ends_with('.'), "{}: {text}", rule.id);
        }
        assert!(rule.profile <= Profile::Podward && rule.severity >= Severity::Info);
    }
}
