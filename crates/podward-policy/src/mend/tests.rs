use super::across::gather;
use super::*;
use crate::neighbours::{Neighbours, surroundings};
use crate::{Level, Profile, Version};

const TEXT: &str = "# a pod\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a  # the one\n    image: x\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: q}\nspec:\n  hostNetwork: true # node exporter\n  containers:\n  - name: b\n    securityContext: {privileged: true}\n";

fn restricted() -> Settings {
    Settings {
        profile: Profile::Level(Level::Restricted),
        version: Version::Latest,
        ids: crate::Ids::default(),
        exceptions: std::sync::Arc::default(),
    }
}

fn mended(text: &str, may_break: bool) -> Mended {
    let around = surroundings(Neighbours::default);
    let mending = Mending {
        settings: restricted(),
        may_break,
        hints: false,
    };
    mend("f", text, &mending, &around).unwrap()
}

fn run(may_break: bool) -> Mended {
    mended(TEXT, may_break)
}

#[test]
fn safe_fixes_leave_a_working_pod_as_it_works() {
    let mended = run(false);
    assert_eq!(
        mended.text,
        TEXT.replace(
            "    image: x\n",
            "    image: x\n    securityContext:\n      allowPrivilegeEscalation: false\n  securityContext:\n    seccompProfile:\n      type: RuntimeDefault\n"
        )
    );
    assert_eq!(mended.done.len(), 2);
    assert!(mended.unsafe_left.len() > 4);
    assert!(mended.failed.is_empty(), "{:?}", mended.failed);
}

#[test]
fn all_fixes_together_make_it_restricted_and_a_second_run_changes_nothing() {
    let mended = run(true);
    let again = self::mended(&mended.text, true);
    assert_eq!(again.text, mended.text);
    assert!(again.done.is_empty());
    let around = surroundings(Neighbours::default);
    let left = findings("f", &mended.text, &restricted(), &around).unwrap();
    assert!(left.is_empty(), "{}\n{left:?}", mended.text);
    for comment in ["# a pod", "# the one", "# node exporter"] {
        assert!(mended.text.contains(comment));
    }
}

#[test]
fn what_is_shared_is_left_and_said() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}\n  containers:\n  - name: a\n    securityContext: &s {capabilities: {drop: [ALL]}}\n  - name: b\n    securityContext: *s\n";
    let mended = mended(text, true);
    assert_eq!(mended.text, text);
    assert_eq!(mended.failed.len(), 2, "{:?}", mended.failed);
}

/// A pod of one container with this security context, and more of its fields.
fn pod(security: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    image: x\n{more}    securityContext: {security}\n"
    )
}

#[test]
fn a_container_that_may_gain_privileges_keeps_them() {
    for (security, more) in [
        // a program whose file has the capability has it only so
        (
            "{runAsUser: 1000, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}",
            "",
        ),
        ("{capabilities: {add: [CHOWN]}}", ""),
        (
            "{runAsUser: 1000}",
            "    command: [sh, -c, 'exec sudo -E web']\n",
        ),
        ("{runAsUser: 1000}", "    args: [/bin/su, web]\n"),
        (
            "{}",
            "    lifecycle: {postStart: {exec: {command: [sudo, x]}}}\n",
        ),
        ("{allowPrivilegeEscalation: true}", ""),
    ] {
        let text = pod(security, more);
        let safe = mended(&text, false);
        assert!(safe.text.contains(security), "{}", safe.text);
        let is_it = |f: &Finding| f.rule == "allowPrivilegeEscalation";
        assert!(safe.unsafe_left.iter().any(is_it), "{text}");
        let all = mended(&text, true);
        assert!(all.text.contains("allowPrivilegeEscalation: false"));
    }
    for more in ["", "    args: [--sudo-user=x, pseudo, issue]\n"] {
        let ordinary = mended(&pod("{runAsUser: 1000}", more), false);
        let added = "{runAsUser: 1000, allowPrivilegeEscalation: false}";
        assert!(ordinary.text.contains(added), "{}", ordinary.text);
    }
}

#[test]
fn a_capability_is_taken_out_only_where_it_gains_nothing_as_it_is_written() {
    let asked = |text: &str| {
        let around = surroundings(Neighbours::default);
        let mending = Mending {
            settings: Settings {
                profile: Profile::Podward,
                ..restricted()
            },
            may_break: false,
            hints: false,
        };
        mend("f", text, &mending, &around).unwrap().text
    };
    let may = pod(
        "{runAsUser: 1000, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}",
        "",
    );
    assert!(asked(&may).contains("add: [NET_BIND_SERVICE]"));
    let may_not = may.replace("{runAsUser", "{allowPrivilegeEscalation: false, runAsUser");
    assert!(asked(&may_not).contains("add: []"), "{}", asked(&may_not));
    // a name that no runtime knows gives nothing today
    let named = asked(&pod("{capabilities: {drop: [all], add: [CAP_CHOWN]}}", ""));
    assert!(named.contains("{drop: [ALL], add: [CAP_CHOWN]}"), "{named}");
}

#[test]
fn a_patch_is_no_whole_workload() {
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        $setElementOrder/env: [x]\n        securityContext: {privileged: true}\n      - name: b\n        $patch: delete\n";
    let left = mended(patch, true);
    assert_eq!((left.text.as_str(), left.patches), (patch, 1));
    let rules: Vec<_> = left.by_hand.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["privileged"]);
    // the same where only who uses the file knows that it is one
    let named = patch.replace("        $patch: delete\n", "        image: x\n");
    let around = surroundings(Neighbours::default);
    let exceptions = crate::Exceptions {
        is_patch: true,
        ..crate::Exceptions::default()
    };
    let settings = Settings {
        exceptions: std::sync::Arc::new(exceptions),
        ..restricted()
    };
    let mending = Mending {
        settings,
        may_break: true,
        hints: true,
    };
    let left = mend("f", &named, &mending, &around).unwrap();
    assert_eq!((left.text.as_str(), left.patches), (named.as_str(), 1));
    // the verdict is as if it were whole
    let examined = examine("f", &named, &mending.settings, &around);
    let Decoded::Verdict(verdict) = &examined.objects[0].verdicts[0] else {
        panic!("it can be decoded");
    };
    assert!(verdict.violations.len() > 3, "{verdict:?}");
}

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  selector: {app: web}\n  ports: [{port: 80}]\n";
const WEB: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: w, labels: {app: web}}\nspec:\n  securityContext: {runAsUser: 1000}\n  containers:\n  - name: a\n    image: x\n    ports: [{containerPort: 80}]\n    lifecycle: {preStop: {httpGet: {port: 80}}, postStart: {tcpSocket: {port: 80}}}\n";

fn policy(selector: &str, ports: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: n}}\nspec:\n  podSelector: {selector}\n  ingress:\n  - ports: [{ports}]\n"
    )
}

/// Texts with the ports moved, and what of the moves failed.
fn moved(texts: &[&str], fixed: &[Fixed]) -> (Vec<String>, Vec<String>) {
    let mending = Mending {
        settings: Settings {
            profile: Profile::Podward,
            ..restricted()
        },
        may_break: true,
        hints: false,
    };
    let paths: Vec<_> = (0..texts.len()).map(|n| format!("{n}.yaml")).collect();
    let pairs = || {
        let own = paths.iter().zip(texts).map(|(p, t)| (p.as_str(), *t));
        own.chain(fixed.iter().map(|f| (f.path.as_str(), f.text.as_str())))
    };
    let around = surroundings(|| gather(pairs()));
    let files = paths.iter().zip(texts);
    let files = files.map(|(path, text)| mend(path, text, &mending, &around).unwrap());
    let mut files: Vec<_> = files.collect();
    let mendings = vec![mending.clone(); files.len()];
    mend_across(&mut files, &mendings, fixed);
    let failed = files.iter().flat_map(|file| &file.failed);
    let failed = failed.map(|(_, why)| why.clone()).collect();
    (files.into_iter().map(|file| file.text).collect(), failed)
}

#[test]
fn a_port_moves_with_hooks_and_policies() {
    let policy = policy("{matchLabels: {app: web}}", "{port: 80}, {port: 443}");
    let (texts, failed) = moved(&[WEB, SERVICE, &policy], &[]);
    assert!(failed.is_empty(), "{failed:?}");
    assert!(!texts[0].contains(": 80}"), "{}", texts[0]);
    assert!(texts[1].contains("targetPort: 8080"));
    assert_eq!(texts[2], policy.replace("{port: 80}", "{port: 8080}"));
}

#[test]
fn a_port_moves_with_the_policies_of_who_asks_it() {
    let egress = |to: &str| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: n}}\nspec:\n  podSelector: {{matchLabels: {{app: client}}}}\n  egress:\n  - to: {to}\n    ports: [{{port: 80}}]\n"
        )
    };
    let web = "{podSelector: {matchLabels: {app: web}}}";
    let policy = egress(&format!("[{web}]"));
    let (texts, failed) = moved(&[WEB, SERVICE, &policy], &[]);
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(texts[2], policy.replace("port: 80", "port: 8080"));
    // what is about others stays, and moves nothing
    for to in [
        "[{podSelector: {matchLabels: {app: other}}}]",
        "[{ipBlock: {cidr: 10.0.0.0/8}}]",
    ] {
        let policy = egress(to);
        let (texts, failed) = moved(&[WEB, SERVICE, &policy], &[]);
        assert!(failed.is_empty() && texts[1].contains("targetPort: 8080"));
        assert_eq!(texts[2], policy);
    }
    for to in [
        format!("[{web}, {{podSelector: {{matchLabels: {{app: other}}}}}}]"),
        "[{podSelector: {matchLabels: {app: web}}, namespaceSelector: {}}]".to_owned(),
        "[]".to_owned(),
    ] {
        let policy = egress(&to);
        let (texts, failed) = moved(&[WEB, SERVICE, &policy], &[]);
        assert!(failed[0].contains("not by labels alone"), "{failed:?}");
        assert_eq!(texts[2], policy);
    }
}

#[test]
fn a_port_moves_with_the_probe_of_another_container() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: w, labels: {app: web}}\nspec:\n  securityContext: {runAsUser: 1000}\n  containers:\n  - name: a\n    image: x\n    ports: [{containerPort: 80}]\n  - name: b\n    image: x\n    readinessProbe: {tcpSocket: {port: 80}}\n";
    let (texts, failed) = moved(&[pod, SERVICE], &[]);
    assert!(failed.is_empty(), "{failed:?}");
    assert!(texts[0].contains("containerPort: 8080"), "{}", texts[0]);
    assert!(texts[0].contains("tcpSocket: {port: 8080}"), "{}", texts[0]);
}

#[test]
fn a_port_stays_where_something_cannot_move_with_it() {
    let broken = Fixed {
        path: "b.yaml".into(),
        text: format!("{SERVICE}---\na: [\n"),
        why: "it is no YAML".into(),
    };
    let range = policy("{matchLabels: {app: web}}", "{port: 80, endPort: 90}");
    let all = policy("{}", "{port: 80}");
    for (texts, fixed, why) in [
        (
            vec![WEB],
            vec![broken],
            "b.yaml has to change as well, and cannot: it is no YAML",
        ),
        (
            vec![WEB, SERVICE, &range],
            vec![],
            "2.yaml has a NetworkPolicy that lets the port in among others",
        ),
        (vec![WEB, SERVICE, &all], vec![], "not by labels alone"),
    ] {
        let (after, failed) = moved(&texts, &fixed);
        assert!(after[0].contains("{containerPort: 80}"), "{}", after[0]);
        assert!(
            after
                .iter()
                .skip(1)
                .zip(texts.iter().skip(1))
                .all(|(a, b)| a == b)
        );
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].contains(why), "{failed:?}");
    }
}

#[test]
fn a_host_process_gets_no_new_findings_and_no_empty_mapping() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  hostNetwork: true\n  containers:\n  - name: a\n    image: x\n    securityContext: {windowsOptions: {hostProcess: true}}\n  securityContext:\n    seccompProfile:\n      type: RuntimeDefault\n";
    let chosen = text.replace(
        "spec:\n",
        "spec:\n  nodeSelector: {kubernetes.io/os: windows}\n",
    );
    let run = |text: &str, may_break| {
        let around = surroundings(Neighbours::default);
        let settings = Settings {
            profile: Profile::Podward,
            ..restricted()
        };
        let mending = Mending {
            settings: settings.clone(),
            may_break,
            hints: false,
        };
        let all = |text: &str| -> BTreeSet<_> {
            let found = findings("f", text, &settings, &around).unwrap();
            found
                .into_iter()
                .map(|(.., finding)| finding.rule)
                .collect()
        };
        let after = mend("f", text, &mending, &around).unwrap().text;
        assert!(!after.contains("{}"), "{after}");
        (after.clone(), all(text), all(&after))
    };
    for text in [text, &chosen] {
        let (_, before, after) = run(text, false);
        assert!(after.is_subset(&before), "{after:?}");
        let (_, before, after) = run(text, true);
        assert!(after.is_subset(&before), "{after:?}");
    }
    assert!(!run(text, false).0.contains("os:"));
    assert!(run(&chosen, false).0.contains("  os:\n    name: windows\n"));
}
