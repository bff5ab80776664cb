//! The project's own cases: each control broken in each place, and the exemptions.

use podward_policy::{CHECKS, Level, Version, judge};

/// What the server says of a Pod with these lines under `spec`.
fn say(level: Level, spec: &str) -> String {
    say_at(level, Version::Latest, spec)
}

/// What the server of this version says.
fn say_at(level: Level, version: Version, spec: &str) -> String {
    let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {spec}\n");
    super::sentences("p.yaml", &text, level, version)
        .unwrap()
        .remove(0)
        .2
}

/// A pod that meets `restricted`.
const GOOD: &str = "{securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}, containers: [{name: a, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}";

#[test]
fn a_good_pod_is_admitted() {
    assert_eq!(say(Level::Restricted, GOOD), "");
}

#[test]
fn each_control_of_baseline_has_its_sentence() {
    let cases = [
        (
            "{securityContext: {appArmorProfile: {type: Unconfined}}, containers: [{name: a, securityContext: {appArmorProfile: {type: Unconfined}}}]}",
            "forbidden AppArmor profile (pod and container \"a\" must not set AppArmor profile type to \"Unconfined\")",
        ),
        (
            "{containers: [{name: a, securityContext: {capabilities: {add: [chown, NET_RAW, CHOWN]}}}]}",
            "non-default capabilities (container \"a\" must not include \"NET_RAW\", \"chown\" in securityContext.capabilities.add)",
        ),
        (
            "{hostNetwork: true, hostPID: true, hostIPC: true}",
            "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)",
        ),
        (
            "{volumes: [{name: v, hostPath: {path: /}}, {name: w, hostPath: {path: /}}]}",
            "hostPath volumes (volumes \"v\", \"w\")",
        ),
        (
            "{initContainers: [{name: a, ports: [{hostPort: 80}]}], containers: [{name: b, ports: [{hostPort: 80}]}]}",
            "hostPort (containers \"a\", \"b\" use hostPort 80)",
        ),
        (
            "{containers: [{name: a, livenessProbe: {httpGet: {host: 127.0.0.1}}, lifecycle: {preStop: {tcpSocket: {host: h}}}}]}",
            "probe or lifecycle host (container \"a\" uses probe or lifecycle hosts \"127.0.0.1\", \"h\")",
        ),
        (
            "{ephemeralContainers: [{name: e, securityContext: {privileged: true}}]}",
            "privileged (container \"e\" must not set securityContext.privileged=true)",
        ),
        (
            "{containers: [{name: a, securityContext: {procMount: Unmasked}}]}",
            "procMount (container \"a\" must not set securityContext.procMount to \"Unmasked\")",
        ),
        (
            "{securityContext: {seLinuxOptions: {type: a_t, user: u}}, containers: [{name: a, securityContext: {seLinuxOptions: {type: b_t, role: r}}}]}",
            "seLinuxOptions (pod and container \"a\" set forbidden securityContext.seLinuxOptions: types \"a_t\", \"b_t\"; user may not be set; role may not be set)",
        ),
        (
            "{securityContext: {seccompProfile: {type: Unconfined}}}",
            "seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\")",
        ),
        (
            "{securityContext: {sysctls: [{name: z.z}, {name: net.ipv4.tcp_rmem}, {name: a.a}]}}",
            "forbidden sysctls (z.z, a.a)",
        ),
        (
            "{securityContext: {windowsOptions: {hostProcess: true}}}",
            "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
        ),
    ];
    for (spec, sentence) in cases {
        assert_eq!(say(Level::Baseline, spec), sentence, "{spec}");
        assert_eq!(say(Level::Privileged, spec), "", "{spec}");
    }
}

#[test]
fn restricted_asks_for_more_and_says_it_once() {
    let bare = say(Level::Restricted, "{containers: [{name: a}, {name: b}]}");
    assert_eq!(
        bare,
        "allowPrivilegeEscalation != false (containers \"a\", \"b\" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (containers \"a\", \"b\" must set securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true (pod or containers \"a\", \"b\" must set securityContext.runAsNonRoot=true), seccompProfile (pod or containers \"a\", \"b\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"
    );
    let host = say(
        Level::Restricted,
        "{volumes: [{name: v, hostPath: {path: /}}]}",
    );
    assert_eq!(
        host,
        "restricted volume types (volume \"v\" uses restricted volume type \"hostPath\")"
    );
    let root = say(
        Level::Restricted,
        "{securityContext: {runAsUser: 0, runAsNonRoot: false}}",
    );
    assert_eq!(
        root,
        "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false), runAsUser=0 (pod must not set runAsUser=0)"
    );
}

#[test]
fn windows_and_own_users_are_asked_less() {
    let windows =
        "{os: {name: windows}, securityContext: {runAsNonRoot: true}, containers: [{name: a}]}";
    assert_eq!(say(Level::Restricted, windows), "");
    let own = "{hostUsers: false, securityContext: {runAsUser: 0, seccompProfile: {type: Localhost}}, containers: [{name: a, securityContext: {procMount: Unmasked, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}";
    assert_eq!(say(Level::Baseline, own), "");
    assert_eq!(
        say(Level::Restricted, own),
        "procMount (container \"a\" must not set securityContext.procMount to \"Unmasked\")"
    );
}

#[test]
fn each_version_asks_what_it_knows() {
    let at = |minor, level, spec| say_at(level, Version::V1(minor), spec);
    let host = "{containers: [{name: a, livenessProbe: {httpGet: {host: h}}}]}";
    assert_eq!(at(33, Level::Baseline, host), "");
    assert!(at(34, Level::Baseline, host).starts_with("probe or lifecycle host"));
    let bare = "{containers: [{name: a}]}";
    let count = |minor| at(minor, Level::Restricted, bare).matches(" (").count();
    assert_eq!([0, 8, 19, 22].map(count), [1, 2, 3, 4]);
    let sysctl = "{securityContext: {sysctls: [{name: net.ipv4.tcp_rmem}]}}";
    assert_eq!(
        at(31, Level::Baseline, sysctl),
        "forbidden sysctls (net.ipv4.tcp_rmem)"
    );
    assert_eq!(at(32, Level::Baseline, sysctl), "");
    let newest = "{securityContext: {sysctls: [{name: net.ipv4.tcp_notsent_lowat}]}}";
    assert!(!at(36, Level::Baseline, newest).is_empty());
    assert_eq!(at(37, Level::Baseline, newest), "");
    assert_eq!(at(99, Level::Baseline, newest), "");
    // what has no replacement yet is judged by the control of baseline
    let raw = "{containers: [{name: a, securityContext: {capabilities: {add: [NET_RAW]}}}]}";
    assert!(at(21, Level::Restricted, raw).contains("non-default capabilities"));
    assert!(at(22, Level::Restricted, raw).contains("unrestricted capabilities"));
    let own = "{hostUsers: false, containers: [{name: a, securityContext: {procMount: Unmasked}}]}";
    assert!(at(34, Level::Baseline, own).starts_with("procMount"));
    assert_eq!(at(35, Level::Baseline, own), "");
}

#[test]
fn seccomp_annotations_count_until_their_fields_came() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations:\n    seccomp.security.alpha.kubernetes.io/pod: unconfined\n    container.seccomp.security.alpha.kubernetes.io/a: unconfined\n    container.seccomp.security.alpha.kubernetes.io/gone: unconfined\nspec: {containers: [{name: a}]}\n";
    let said = |minor| {
        super::sentences("p.yaml", text, Level::Baseline, Version::V1(minor))
            .unwrap()
            .remove(0)
            .2
    };
    assert_eq!(
        said(18),
        "seccompProfile (forbidden annotations container.seccomp.security.alpha.kubernetes.io/a=\"unconfined\", seccomp.security.alpha.kubernetes.io/pod=\"unconfined\")"
    );
    assert_eq!(said(19), "");
}

#[test]
fn every_finding_says_where_why_and_how() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {hostPID: true, containers: [{name: a, securityContext: {privileged: true}}]}}}\n";
    let document = podward_manifest::parse("d.yaml", text).unwrap().remove(0);
    let objects = podward_manifest::objects(document).unwrap();
    let workload = podward_manifest::workload(&objects[0]).unwrap();
    let verdict = judge(&workload, Level::Restricted, Version::Latest);
    assert_eq!(verdict.violations.len(), 6);
    for finding in verdict.violations.iter().flat_map(|v| &v.findings) {
        assert!(
            finding.field.starts_with("spec.template.spec."),
            "{finding:?}"
        );
        assert_eq!((&*finding.path, finding.position.line), ("d.yaml", 4));
        assert!(!finding.why.is_empty() && !finding.mend.is_empty());
        assert!(CHECKS.iter().any(|check| check.rule.id == finding.rule));
    }
}
