//! The main job of README.md.

use crate::harness::{err, is_root, out, podward, scratch};

#[test]
fn the_quickstart_meets_every_expectation() {
    if !is_root("the_quickstart_meets_every_expectation") {
        return;
    }
    let state = scratch();
    let run = podward(&["up", "examples/quickstart", "--once"], &state);
    let text = out(&run);
    assert_eq!(run.status.code(), Some(0), "{text}\n{}", err(&run));
    for part in [
        // the careless pod is refused, with the line to mend, and its password is not repeated
        "refused Pod careless/careless (baseline, by namespace label)",
        "pods \"careless\" is forbidden: violates PodSecurity \"baseline:latest\": hostPath volumes (volume \"host\"), privileged (container \"careless\" must not set securityContext.privileged=true)",
        "examples/quickstart/careless.yaml:19:21 error[privileged] container \"careless\" is privileged",
        "examples/quickstart/careless.yaml:17:18 error[credentialInEnv] DB_PASSWORD holds a password (\"not-…\")",
        "17 |           value: ***",
        // the others are admitted, with the server's warning
        "admitted Deployment shop/web (restricted, by namespace label)",
        "Warning: would violate PodSecurity \"restricted:latest\": unrestricted capabilities",
        // what they do
        "/database answers: signature and audience are right",
        "a token for https://graph.microsoft.com is refused: invalid_grant: AADSTS501051",
        "CapBnd:\t00000000aa0435fb",
        "legacy/legacy | ok    secret api-key, 32 characters",
        "4 of 4 pods met their expectation",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(!text.contains("not-a-real-password"));
    let log = text.split("Access log").nth(1).unwrap();
    for (outcome, door) in [
        ("refused", "webhook"),
        ("granted", "webhook"),
        ("granted", "token-service"),
        ("granted", "imds"),
        ("granted", "csi"),
        ("granted", "vault"),
        ("refused", "token-service"),
    ] {
        assert!(
            log.contains(&format!("{outcome} {door}")),
            "{outcome} {door}\n{log}"
        );
    }
}

#[test]
fn a_missed_expectation_is_told_and_fails() {
    if !is_root("a_missed_expectation_is_told_and_fails") {
        return;
    }
    let folder = crate::harness::written(&[(
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: wrong}\nspec:\n  containers:\n  - name: c\n    command: [sh, -c, 'exit 3']\n",
    )]);
    let run = podward(&["up", &folder.to_string_lossy(), "--once"], &scratch());
    assert_eq!(run.status.code(), Some(1));
    assert!(
        out(&run).contains("missed default/wrong: ended with 3"),
        "{}",
        out(&run)
    );
}
