//! What `podward manifests` takes as values of the chart: what Helm takes.

use std::path::Path;
use std::process::Output;

use crate::harness::{err, out, podward, scratch};

fn manifests(arguments: &[&str]) -> Output {
    podward(&[&["manifests"], arguments].concat(), Path::new("/"))
}

#[test]
fn what_the_schema_does_not_take_is_refused() {
    for (set, want) in [
        (
            "webhook.replicas=-1",
            "webhook.replicas: -1 has to be at least 1",
        ),
        (
            "webhook.replicas=0",
            "webhook.replicas: 0 has to be at least 1",
        ),
        (
            "webhook.replicas=many",
            "webhook.replicas: \"many\" has to be a whole number",
        ),
        (
            "webhook.timeoutSeconds=31",
            "webhook.timeoutSeconds: 31 has to be at most 30",
        ),
        (
            "webhook.caHours=0",
            "webhook.caHours: 0 has to be at least 1",
        ),
        (
            "image.pullPolicy=Sometimes",
            "image.pullPolicy: \"Sometimes\" has to be one of \"Always\", \"IfNotPresent\", \"Never\"",
        ),
        (
            "image.repository=",
            "image.repository: \"\" has to be a text that is not empty",
        ),
        (
            "webhook.customResources=x",
            "webhook.customResources[0]: \"x\" has to be a mapping",
        ),
        (
            r#"webhook.customResources=[{"apiGroups": ["a"]}]"#,
            "webhook.customResources[0]: {\"apiGroups\":[\"a\"]} has to have apiVersions, operations, resources",
        ),
        (
            "webhook.authorityHost=http://x",
            "webhook.authorityHost: \"http://x\" has to match ^https://, or be one of \"AzurePublicCloud\"",
        ),
        (
            "webhook.tokenEndpoint.suffix=a-",
            "webhook.tokenEndpoint.suffix: \"a-\" has to match ",
        ),
        (
            "webhook.exempt.namespaces=[1]",
            "webhook.exempt.namespaces[0]: 1 has to be a text",
        ),
        ("webhook.exempt=1", "webhook.exempt: 1 has to be a mapping"),
        (
            "createNamespace=1",
            "createNamespace: 1 has to be true or false",
        ),
    ] {
        for more in [&[] as &[&str], &["--admission-policy"], &["--show-values"]] {
            let told = manifests(&[&["--set", set], more].concat());
            assert_eq!((told.status.code(), out(&told)), (Some(2), String::new()));
            let said = err(&told);
            assert!(said.starts_with(&format!("error: {want}")), "{set}: {said}");
        }
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let file = scratch().join("values.yaml");
    std::fs::write(&file, "webhook: {replicas: 0, resources: ~}\n").unwrap();
    let file = file.to_str().unwrap();
    let told = manifests(&[
        "-f",
        file,
        "--set",
        "webhook.caHours=0",
        "--namespace",
        "Bad_NS",
    ]);
    assert_eq!((told.status.code(), out(&told)), (Some(2), String::new()));
    assert_eq!(
        err(&told),
        "error: 4 values are none that the chart takes\n  \
           webhook.caHours: 0 has to be at least 1\n  \
           webhook.replicas: 0 has to be at least 1\n  \
           webhook.resources: null has to be a mapping\n  \
           --namespace: \"Bad_NS\" has to be an RFC 1123 label: lower-case letters, digits and '-' between them, 63 at most\n  \
         help: deploy/chart/values.yaml says what each value is, and values.schema.json what it may be\n"
    );
}

#[test]
fn a_namespace_is_a_label() {
    for (namespace, code) in [
        ("a", 0),
        ("a-1", 0),
        ("", 2),
        ("-a", 2),
        ("a.b", 2),
        ("a\nb: c", 2),
    ] {
        let told = manifests(&[&format!("--namespace={namespace}")]);
        assert_eq!(told.status.code(), Some(code), "{namespace:?}");
    }
    let long = "a".repeat(64);
    assert_eq!(manifests(&["-n", &long]).status.code(), Some(2));
}

#[test]
fn lists_are_written_as_for_helm_or_with_commas_alone() {
    let of = |list: &str| {
        let told = manifests(&["--set", &format!("webhook.exempt.namespaces={list}")]);
        assert_eq!((told.status.code(), err(&told)), (Some(0), String::new()));
        out(&told)
    };
    let printed = of("a,b");
    assert!(printed.contains("value: \"a,b\""), "{printed}");
    assert_eq!(of("{a,b}"), printed);
    assert_eq!(of("[\"a\",\"b\"]"), printed);
}

#[test]
fn a_file_that_is_no_mapping_is_named() {
    let file = scratch().join("values.yaml");
    std::fs::write(&file, "- webhook\n").unwrap();
    let file = file.to_str().unwrap();
    let told = manifests(&["-f", file]);
    assert_eq!(told.status.code(), Some(2));
    let want = format!(
        "error: a file of values is a mapping, and this one holds a list\n  --> {file}\n  help: "
    );
    assert!(err(&told).starts_with(&want), "{}", err(&told));
}
