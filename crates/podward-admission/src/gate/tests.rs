use serde_json::{Value, json};

use super::*;
use crate::review::Review;

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// A review of a pod with this spec, in a namespace with these labels.
struct Asked {
    request: Value,
    labels: Labels,
    gate: Gate,
}

fn pod(spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
}

fn privileged() -> Value {
    json!({"containers": [{"name": "a", "image": "i", "securityContext": {"privileged": true}}]})
}

fn asked(labels: &[(&str, &str)], object: &Value) -> Asked {
    let labels = labels
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    Asked {
        request: json!({
            "uid": "u", "kind": {"version": "v1", "kind": "Pod"},
            "resource": {"version": "v1", "resource": "pods"}, "operation": "CREATE",
            "name": "p", "namespace": "ns", "userInfo": {"username": "me"}, "object": object,
        }),
        labels: labels.collect(),
        gate: Gate {
            pod_security_labels: true,
            exemptions: Exemptions::default(),
        },
    }
}

impl Asked {
    fn with(mut self, field: &str, value: Value) -> Self {
        self.request[field] = value;
        self
    }

    fn exempt(mut self, exemptions: Value) -> Self {
        self.gate.exemptions = serde_json::from_value(exemptions).unwrap();
        self
    }

    fn decided_in(&self, namespace: Option<&Labels>) -> Decision {
        let text = json!({"apiVersion": "admission.k8s.io/v1", "request": self.request});
        let text = text.to_string();
        let review: Review<'_> = serde_json::from_str(&text).unwrap();
        self.gate.validate(&review.request, namespace)
    }

    fn answer(&self) -> Answer {
        match self.decided_in(Some(&self.labels)) {
            Decision::Answered(answer) => answer,
            Decision::Existing { .. } => panic!("pods are to be looked at"),
        }
    }
}

/// The first line of a refusal.
fn refusal(answer: &Answer) -> (u16, &str) {
    let status = answer.status.as_ref().unwrap();
    (status.code, status.message.lines().next().unwrap())
}

#[test]
fn a_pod_that_breaks_what_is_enforced_is_refused_in_the_servers_words() {
    let answer = asked(&[(ENFORCE, "baseline")], &pod(&privileged())).answer();
    assert!(!answer.allowed);
    assert_eq!(
        refusal(&answer),
        (
            403,
            "pods \"p\" is forbidden: violates PodSecurity \"baseline:latest\": privileged (container \"a\" must not set securityContext.privileged=true)"
        )
    );
    let message = &answer.status.as_ref().unwrap().message;
    let own: Vec<_> = message.lines().skip(1).collect();
    assert!(
        own[0].starts_with("podward: spec.containers[0].securityContext.privileged: "),
        "{own:?}"
    );
    assert!(own[1].contains("podward fix --profile baseline"), "{own:?}");
    // no warnings beside a refusal
    assert_eq!(answer.warnings, Vec::<String>::new());
    assert_eq!(
        answer.audit_annotations["enforce-policy"],
        "baseline:latest"
    );
    let nameless = asked(&[(ENFORCE, "baseline")], &pod(&privileged())).with("name", json!(""));
    assert!(
        refusal(&nameless.answer())
            .1
            .starts_with("pods is forbidden: violates")
    );
}

#[test]
fn what_is_audited_and_warned_of_is_told_and_let_through() {
    let labels = [
        ("pod-security.kubernetes.io/audit", "restricted"),
        ("pod-security.kubernetes.io/audit-version", "v1.24"),
        ("pod-security.kubernetes.io/warn", "baseline"),
    ];
    let answer = asked(&labels, &pod(&privileged())).answer();
    assert!(answer.allowed);
    assert_eq!(
        answer.audit_annotations["enforce-policy"],
        "privileged:latest"
    );
    assert!(
        answer.audit_annotations["audit-violations"]
            .starts_with("would violate PodSecurity \"restricted:v1.24\": privileged (")
    );
    assert_eq!(
        answer.warnings[0],
        "would violate PodSecurity \"baseline:latest\": privileged (container \"a\" must not set securityContext.privileged=true)"
    );
    assert!(answer.warnings.iter().all(|one| !one.contains('\n')));
}

#[test]
fn a_template_is_told_of_and_never_refused() {
    let template = json!({"metadata": {}, "spec": privileged()});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"template": template}});
    let of = |labels: &[(&str, &str)]| {
        asked(labels, &deployment)
            .with(
                "resource",
                json!({"group": "apps", "version": "v1", "resource": "deployments"}),
            )
            .answer()
    };
    let answer = of(&[(ENFORCE, "baseline")]);
    assert!(answer.allowed);
    assert_eq!(answer.audit_annotations.get("enforce-policy"), None);
    assert!(answer.warnings[0].starts_with("would violate PodSecurity \"baseline:latest\""));
    let quiet = of(&[
        (ENFORCE, "baseline"),
        ("pod-security.kubernetes.io/warn", "privileged"),
    ]);
    assert_eq!(quiet, Answer::allowed());
}

#[test]
fn what_is_exempt_is_let_through_and_says_why() {
    let of = |exemptions: Value| {
        let mut spec = privileged();
        spec["runtimeClassName"] = json!("kata");
        let answer = asked(&[(ENFORCE, "baseline")], &pod(&spec))
            .exempt(exemptions)
            .answer();
        answer
            .allowed
            .then(|| answer.audit_annotations["exempt"].clone())
    };
    assert_eq!(
        of(json!({"namespaces": ["ns"]})).as_deref(),
        Some("namespace")
    );
    assert_eq!(of(json!({"usernames": ["me"]})).as_deref(), Some("user"));
    assert_eq!(
        of(json!({"runtimeClasses": ["kata"]})).as_deref(),
        Some("runtimeClass")
    );
    assert_eq!(of(json!({"namespaces": ["other"]})), None);
}

#[test]
fn an_update_is_judged_where_a_container_changes() {
    let update = |old: Value| {
        let labels = [(ENFORCE, "baseline")];
        let asked = asked(&labels, &pod(&privileged())).with("operation", json!("UPDATE"));
        asked.with("oldObject", pod(&old)).answer().allowed
    };
    assert!(update(privileged()));
    let mut other = privileged();
    other["containers"][0]["image"] = json!("old");
    assert!(!update(other));
    let mut more = privileged();
    more["initContainers"] = json!([{"name": "b"}]);
    assert!(!update(more));
    let ephemeral = |old: Value| {
        let mut spec = privileged();
        spec["ephemeralContainers"] = json!([{"name": "debug", "image": "d"}]);
        let mut before = privileged();
        before["ephemeralContainers"] = old;
        let asked = asked(&[(ENFORCE, "baseline")], &pod(&spec));
        let asked = asked
            .with("operation", json!("UPDATE"))
            .with("oldObject", pod(&before));
        asked
            .with("subResource", json!("ephemeralcontainers"))
            .answer()
            .allowed
    };
    assert!(!ephemeral(json!([])));
    assert!(ephemeral(json!([{"name": "debug", "image": "d"}])));
    assert!(!ephemeral(json!([{"name": "debug", "image": "older"}])));
    for subresource in super::IGNORED {
        let asked = asked(&[(ENFORCE, "baseline")], &pod(&privileged()));
        assert!(
            asked
                .with("subResource", json!(subresource))
                .answer()
                .allowed
        );
    }
}

#[test]
fn labels_that_say_nothing_are_enforced_as_restricted() {
    let answer = asked(
        &[(ENFORCE, "x")],
        &pod(&json!({"containers": [{"name": "a"}]})),
    )
    .answer();
    assert!(
        refusal(&answer)
            .1
            .contains("violates PodSecurity \"restricted:latest\"")
    );
    assert_eq!(
        answer.audit_annotations["error"],
        "Failed to parse policy: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"x\": must be one of privileged, baseline, restricted"
    );
}

#[test]
fn a_namespace_that_is_not_known_lets_no_pod_through() {
    let answer = match asked(&[], &pod(&privileged())).decided_in(None) {
        Decision::Answered(answer) => answer,
        Decision::Existing { .. } => panic!("a pod is no namespace"),
    };
    assert_eq!(
        refusal(&answer),
        (
            500,
            "Internal error occurred: failed to lookup namespace \"ns\""
        )
    );
}

fn namespace(labels: &[(&str, &str)], old: Option<&[(&str, &str)]>) -> Asked {
    let object = |labels: &[(&str, &str)]| {
        let labels: Labels = labels
            .iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect();
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns", "labels": labels}})
    };
    let asked = asked(&[], &object(labels))
        .with("kind", json!({"version": "v1", "kind": "Namespace"}))
        .with(
            "resource",
            json!({"version": "v1", "resource": "namespaces"}),
        )
        .with("name", json!("ns"));
    match old {
        Some(old) => asked
            .with("operation", json!("UPDATE"))
            .with("oldObject", object(old)),
        None => asked,
    }
}

#[test]
fn a_namespace_must_say_what_is_known() {
    let answer = namespace(&[(ENFORCE, "x")], None).answer();
    assert_eq!(
        refusal(&answer),
        (
            422,
            "Namespace \"ns\" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"x\": must be one of privileged, baseline, restricted"
        )
    );
    // what was wrong before may stay
    assert!(
        namespace(&[(ENFORCE, "x"), ("a", "b")], Some(&[(ENFORCE, "x")]))
            .answer()
            .allowed
    );
    assert!(
        !namespace(&[(ENFORCE, "x")], Some(&[(ENFORCE, "baseline")]))
            .answer()
            .allowed
    );
    let exempt = namespace(&[(ENFORCE, "baseline")], None).exempt(json!({"namespaces": ["ns"]}));
    assert_eq!(
        exempt.answer().warnings,
        [
            "namespace \"ns\" is exempt from Pod Security, and the policy (enforce=baseline:latest) will be ignored"
        ]
    );
}

#[test]
fn a_namespace_must_have_a_default_that_is_known() {
    const DEFAULT: &str = "podward.dev/default";
    let wrong = [(DEFAULT, "Restricted")];
    for old in [None, Some(&[] as &[_]), Some(&[(DEFAULT, "restricted")])] {
        let mut asked = namespace(&wrong, old);
        asked.gate.pod_security_labels = false;
        assert_eq!(
            refusal(&asked.answer()),
            (
                422,
                "Namespace \"ns\" is invalid: metadata.labels[podward.dev/default]: Invalid value: \"Restricted\": must be restricted"
            )
        );
    }
    // what was wrong before may stay, or go
    let relabelled = [(DEFAULT, "Restricted"), ("a", "b")];
    for new in [&relabelled[..], &[(DEFAULT, "restricted")], &[]] {
        assert!(namespace(new, Some(&wrong)).answer().allowed, "{new:?}");
    }
}

#[test]
fn pods_are_looked_at_where_more_is_asked_of_them() {
    let looks = |new: &[(&str, &str)], old: &[(&str, &str)]| {
        let decided = namespace(new, Some(old)).decided_in(None);
        matches!(decided, Decision::Existing { .. })
    };
    let version = "pod-security.kubernetes.io/enforce-version";
    assert!(looks(&[(ENFORCE, "baseline")], &[]));
    assert!(looks(&[(ENFORCE, "restricted")], &[(ENFORCE, "baseline")]));
    assert!(looks(
        &[(ENFORCE, "baseline"), (version, "v1.20")],
        &[(ENFORCE, "baseline")]
    ));
    let own = ("podward.dev/enforce", "baseline");
    let (rule, without) = (
        ("podward.dev/enforce.hostUsers", "true"),
        ("podward.dev/enforce.hostPorts", "false"),
    );
    assert!(looks(&[own, rule], &[own]));
    assert!(looks(&[own], &[own, without]));
    assert!(!looks(&[own, without], &[own]));
    assert!(!looks(&[rule], &[]));
    assert!(!looks(&[(ENFORCE, "baseline")], &[(ENFORCE, "restricted")]));
    assert!(!looks(
        &[(ENFORCE, "privileged")],
        &[(ENFORCE, "restricted")]
    ));
    assert!(!looks(&[(ENFORCE, "baseline")], &[(ENFORCE, "baseline")]));
    assert!(!looks(
        &[("pod-security.kubernetes.io/warn", "baseline")],
        &[]
    ));
}

#[test]
fn podwards_labels_ask_for_every_profile_and_single_rules() {
    let spec = json!({"containers": [{"name": "a", "image": "i", "env": [
        {"name": "DB_PASSWORD", "value": "hunter2-Xk9vQ2"}]}]});
    let answer = asked(&[("podward.dev/enforce", "podward")], &pod(&spec)).answer();
    let (code, message) = refusal(&answer);
    assert_eq!(code, 403);
    assert!(
        message.contains("violates PodSecurity \"restricted:latest\": "),
        "{message}"
    );
    assert!(
        message.contains("; violates podward \"podward:latest\": "),
        "{message}"
    );
    assert!(!answer.status.unwrap().message.contains("hunter2-Xk9vQ2"));
    // a rule alone, and the labels of Pod Security where they do not count
    let mut single = asked(
        &[
            ("podward.dev/enforce", "privileged"),
            ("podward.dev/enforce.privileged", "true"),
            (ENFORCE, "restricted"),
        ],
        &pod(&privileged()),
    );
    single.gate.pod_security_labels = false;
    assert_eq!(
        refusal(&single.answer()).1,
        "pods \"p\" is forbidden: violates podward \"privileged:latest\": privileged (spec.containers[0].securityContext.privileged)"
    );
    let mut harmless = asked(
        &[
            ("podward.dev/enforce", "privileged"),
            ("podward.dev/enforce.privileged", "true"),
        ],
        &pod(&spec),
    );
    harmless.gate.pod_security_labels = false;
    assert!(harmless.answer().allowed);
}

#[test]
fn a_control_can_be_left_out_of_a_profile() {
    let host = pod(&json!({"hostPID": true, "containers": [{"name": "a", "image": "i"}]}));
    for profile in ["baseline", "podward"] {
        let own = ("podward.dev/enforce", profile);
        let told = |labels: &[(&str, &str)]| {
            let answer = asked(labels, &host).answer();
            answer.status.map(|status| status.message)
        };
        let breaks = "host namespaces (hostPID=true)";
        assert!(told(&[own]).unwrap().contains(breaks));
        let left_out = told(&[own, ("podward.dev/enforce.hostNamespaces", "false")]);
        assert!(!left_out.unwrap_or_default().contains(breaks), "{profile}");
    }
}

#[test]
fn a_single_rule_that_is_enforced_is_warned_of() {
    let labels = [
        ("podward.dev/enforce", "privileged"),
        ("podward.dev/enforce.hostNamespaces", "true"),
    ];
    let template = json!({"spec": {"hostPID": true, "containers": [{"name": "a", "image": "i"}]}});
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "p"}, "spec": {"template": template}});
    let mut deployment = asked(&labels, &object);
    deployment.request["resource"] = json!({"group": "apps", "resource": "deployments"});
    let warnings = deployment.answer().warnings;
    assert!(
        warnings[0].contains("hostNamespaces (spec.template.spec.hostPID)"),
        "{warnings:?}"
    );
    // nor is what the profile says already said twice
    let both = [
        ("podward.dev/enforce", "baseline"),
        ("podward.dev/enforce.hostNamespaces", "true"),
    ];
    let answer = asked(&both, &pod(&template["spec"])).answer();
    let (_, message) = refusal(&answer);
    assert!(!message.contains("violates podward"), "{message}");
}

#[test]
fn a_rule_that_no_profile_stands_beside_is_told_to_count_for_nothing() {
    let stray = [("podward.dev/enforce.hostNamespaces", "true")];
    let warnings = namespace(&stray, Some(&[])).answer().warnings;
    assert_eq!(
        warnings,
        [
            "podward: the label podward.dev/enforce.hostNamespaces counts only beside podward.dev/enforce, podward.dev/audit or podward.dev/warn"
        ]
    );
}

#[test]
fn what_takes_too_much_to_judge_is_refused() {
    let many = |entry: &Value, times| vec![entry.clone(); times];
    let container = json!({"name": "c"});
    for (spec, want) in [
        (json!({"containers": many(&container, 1000)}), 403),
        (json!({"containers": many(&container, 1001)}), 413),
        (
            json!({"containers": many(&container, 600), "initContainers": many(&container, 600)}),
            413,
        ),
        (
            json!({"volumes": many(&json!({}), 30_000), "containers": []}),
            413,
        ),
    ] {
        let answer = asked(&[(ENFORCE, "restricted")], &pod(&spec)).answer();
        assert_eq!(answer.status.unwrap().code, want);
    }
    let not_asked = pod(&json!({"containers": many(&container, 1001)}));
    assert!(asked(&[], &not_asked).answer().allowed);
}

#[test]
fn no_annotation_of_a_pod_leaves_what_is_enforced() {
    let mut object = pod(&privileged());
    object["metadata"]["annotations"] = json!({"podward.dev/ignore.privileged": "mine"});
    let alone = ("podward.dev/enforce.privileged", "true");
    for labels in [
        vec![("podward.dev/enforce", "podward")],
        vec![("podward.dev/enforce", "privileged"), alone],
    ] {
        assert!(!asked(&labels, &object).answer().allowed, "{labels:?}");
    }
}

#[test]
fn the_environment_is_looked_at_where_a_rule_of_podwards_own_does() {
    let mut spec = privileged();
    let plain = asked(&[(ENFORCE, "restricted")], &pod(&spec)).answer();
    spec["containers"][0]["env"] = json!([{"name": "DB_PASSWORD", "value": "tR4v3rs3-l1me"}]);
    let of = |label: (&str, &str)| asked(&[label], &pod(&spec)).answer();
    assert_eq!(of((ENFORCE, "restricted")), plain);
    let own = of(("podward.dev/enforce", "podward")).status.unwrap();
    assert!(own.message.contains("env[0].value"), "{}", own.message);
}
