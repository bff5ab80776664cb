//! The project's own cases: each control broken in each place, and the exemptions.

use podward_policy::{CHECKS, Level, judge};

/// What the server says of a Pod with these lines under `spec`.
fn say(level: Level, spec: &str) -> String {
    let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {spec}\n");
    super::sentences("p.yaml", &text, level)
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
fn every_finding_says_where_why_and_how() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {hostPID: true, containers: [{name: a, securityContext: {privileged: true}}]}}}\n";
    let document = podward_manifest::parse("d.yaml", text).unwrap().remove(0);
    let objects = podward_manifest::objects(document).unwrap();
    let workload = podward_manifest::workload(&objects[0]).unwrap();
    let verdict = judge(&workload, Level::Restricted);
    assert_eq!(verdict.violations.len(), 6);
    for finding in verdict.violations.iter().flat_map(|v| &v.findings) {
        assert!(
            finding.field.starts_with("spec.template.spec."),
            "{finding:?}"
        );
        assert_eq!(
            (finding.path.as_str(), finding.position.line),
            ("d.yaml", 4)
        );
        assert!(!finding.why.is_empty() && !finding.mend.is_empty());
        assert!(CHECKS.iter().any(|check| check.id == finding.rule));
    }
}
