//! Fixes that are left to a person, for the API server or the kubelet would refuse what they make.

use std::sync::Arc;

use podward_policy::{
    Ids, Level, Mended, Mending, Neighbours, Profile, Settings, Version, mend, surroundings,
};

/// What `--unsafe-fixes` makes of a Pod with these lines under `metadata` and `spec`.
fn mended(metadata: &str, spec: &str, user: Option<u32>) -> Mended {
    mended_to(Profile::Level(Level::Restricted), metadata, spec, user)
}

/// The same of what else podward asks for.
fn mended_to(profile: Profile, metadata: &str, spec: &str, user: Option<u32>) -> Mended {
    let text = format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n{metadata}spec:\n{spec}");
    let around = surroundings(Neighbours::default);
    let mending = Mending {
        settings: Settings {
            profile,
            version: Version::Latest,
            ids: Ids {
                run_as_user: user,
                ..Ids::default()
            },
            exceptions: Arc::default(),
        },
        may_break: true,
        hints: false,
    };
    mend("f", &text, &mending, &around).unwrap()
}

/// How a rule is to be mended by hand.
fn by_hand<'a>(mended: &'a Mended, rule: &str) -> Vec<&'a str> {
    let of_rule = mended.by_hand.iter().filter(|finding| finding.rule == rule);
    of_rule.map(|finding| &*finding.mend).collect()
}

#[test]
fn profiles_stay_beside_annotations_that_say_another() {
    for (annotation, context, rule) in [
        (
            "seccomp.security.alpha.kubernetes.io/pod: unconfined",
            "",
            "seccompProfile_restricted",
        ),
        (
            "seccomp.security.alpha.kubernetes.io/pod: unconfined",
            "  securityContext: {seccompProfile: {type: Unconfined}}\n",
            "seccompProfile_restricted",
        ),
        (
            "container.seccomp.security.alpha.kubernetes.io/a: localhost/x",
            "    securityContext: {seccompProfile: {type: Unconfined}}\n",
            "seccompProfile_restricted",
        ),
        (
            "container.apparmor.security.beta.kubernetes.io/a: unconfined",
            "    securityContext: {appArmorProfile: {type: Unconfined}}\n",
            "appArmorProfile",
        ),
        (
            "container.apparmor.security.beta.kubernetes.io/a: unconfined",
            "  securityContext: {appArmorProfile: {type: Unconfined}}\n",
            "appArmorProfile",
        ),
    ] {
        let metadata = format!("  annotations:\n    {annotation}\n");
        let spec = format!("  containers:\n  - name: a\n    image: x\n{context}");
        let beside = mended(&metadata, &spec, None);
        let key = annotation.split(": ").next().unwrap();
        assert!(
            by_hand(&beside, rule).iter().any(|mend| mend.contains(key)),
            "{}\n{:?}",
            beside.text,
            beside.by_hand
        );
        assert!(!beside.text.contains("RuntimeDefault") || rule == "appArmorProfile");
        // beside one that says the same, and without one, they are mended
        let same = annotation.replace("unconfined", "runtime/default");
        let same = same.replace("localhost/x", "docker/default");
        for metadata in [format!("  annotations:\n    {same}\n"), String::new()] {
            let mended = mended(&metadata, &spec, None);
            assert!(by_hand(&mended, rule).is_empty(), "{}", mended.text);
            assert!(mended.text.contains("RuntimeDefault"), "{}", mended.text);
        }
    }
}

#[test]
fn what_runs_as_user_0_is_not_told_to_be_another() {
    let pod = "  securityContext: {runAsUser: 0}\n  containers:\n  - name: a\n    image: x\n";
    let container =
        "  containers:\n  - name: a\n    image: x\n    securityContext: {runAsUser: 0}\n";
    let no = "  containers:\n  - name: a\n    image: x\n    securityContext: {runAsUser: 0, runAsNonRoot: false}\n";
    let pod_no = "  securityContext: {runAsNonRoot: false}\n  containers:\n  - name: a\n    image: x\n    securityContext: {runAsUser: 0}\n";
    for spec in [pod, container, no, pod_no] {
        let left = mended("", spec, None);
        assert!(!left.text.contains("runAsNonRoot: true"), "{}", left.text);
        assert_eq!(by_hand(&left, "runAsNonRoot").len(), 1, "{spec}");
        let chosen = mended("", spec, Some(1000));
        assert!(chosen.by_hand.is_empty(), "{:?}", chosen.by_hand);
        for line in ["runAsNonRoot: true", "runAsUser: 1000"] {
            assert!(chosen.text.contains(line), "{}", chosen.text);
        }
        assert!(!chosen.text.contains("runAsUser: 0"), "{}", chosen.text);
    }
}

#[test]
fn beside_a_container_of_root_others_are_told_themselves() {
    let spec = "  containers:\n  - name: a\n    image: x\n    securityContext: {runAsUser: 0}\n  - name: b\n    image: x\n    securityContext: {readOnlyRootFilesystem: true}\n";
    let left = mended("", spec, None);
    let (of_a, of_b) = left.text.split_once("name: b").unwrap();
    assert!(!of_a.contains("runAsNonRoot"), "{}", left.text);
    assert_eq!(of_b.matches("runAsNonRoot: true").count(), 1);
    assert!(!of_b.contains("\n    runAsNonRoot"), "{}", left.text);
    assert_eq!(by_hand(&left, "runAsNonRoot").len(), 1);
}

#[test]
fn a_container_that_shows_its_mounts_to_the_node_stays_privileged() {
    let spec = "  containers:\n  - name: a\n    image: x\n    securityContext: {privileged: true}\n    volumeMounts: [{name: v, mountPath: /v, mountPropagation: Bidirectional}]\n  volumes: [{name: v, emptyDir: {}}]\n";
    let left = mended("", spec, None);
    assert!(left.text.contains("{privileged: true"), "{}", left.text);
    assert!(
        by_hand(&left, "privileged")
            .iter()
            .any(|mend| mend.contains("mountPropagation")),
        "{:?}",
        left.by_hand
    );
    let other = spec.replace("Bidirectional", "HostToContainer");
    let mended = mended("", &other, None);
    assert!(!mended.text.contains("privileged: true"), "{}", mended.text);
}

#[test]
fn a_pod_with_fields_of_both_systems_is_for_neither_by_itself() {
    let both = "  securityContext: {windowsOptions: {runAsUserName: ContainerUser}, fsGroup: 1000}\n  containers:\n  - name: a\n    image: x\n    securityContext: {capabilities: {drop: [ALL]}}\n";
    let left = mended_to(Profile::Podward, "", both, None);
    assert!(!left.text.contains("os:"), "{}", left.text);
    for kept in ["fsGroup: 1000", "drop: [ALL]", "windowsOptions"] {
        assert!(left.text.contains(kept), "{}", left.text);
    }
    assert_eq!(by_hand(&left, "osUnset").len(), 1, "{:?}", left.by_hand);
    // where its node is chosen to be one of Windows, all is said
    let chosen = format!("  nodeSelector: {{kubernetes.io/os: windows}}\n{both}");
    let mended = mended_to(Profile::Podward, "", &chosen, None);
    assert!(mended.text.contains("name: windows"), "{}", mended.text);
    assert!(!mended.text.contains("fsGroup"), "{}", mended.text);
}
