//! Fixes that are left to a person, for the API server or the kubelet would refuse what they make.

use std::sync::Arc;

use podward_policy::{
    Ids, Level, Mended, Mending, Neighbours, Profile, Settings, Version, mend, surroundings,
};

/// What `--unsafe-fixes` makes of a Pod with these lines under `metadata` and `spec`.
fn mended(metadata: &str, spec: &str, user: Option<u32>) -> Mended {
    let text = format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n{metadata}spec:\n{spec}");
    let around = surroundings(Neighbours::default);
    let mending = Mending {
        settings: Settings {
            profile: Profile::Level(Level::Restricted),
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
