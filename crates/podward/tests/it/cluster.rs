//! `podward check --cluster` where an API server refuses, fails or is not there, and podward as a plugin of kubectl.
//! What a real one has is judged in e2e/suite/tests/it/live.rs.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::harness::{PODWARD, err, out, scratch};

/// What is answered to a path with its query: status and body. All else is an empty list.
type Answers = BTreeMap<&'static str, (u16, Value)>;

/// Answers as long as this process lives.
fn serve(answers: Answers) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            // the headers say nothing that counts here
            lines.find(|line| line.as_ref().is_ok_and(String::is_empty));
            let path = first.split(' ').nth(1).unwrap();
            let empty = (
                200,
                json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}),
            );
            let (status, body) = answers.get(path).unwrap_or(&empty);
            let body = body.to_string();
            write!(stream, "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    address
}

fn kubeconfig(address: SocketAddr) -> PathBuf {
    let path = scratch().join("kubeconfig");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "dev",
        "clusters": [{"name": "dev", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev", "namespace": "shop"}}],
        "users": [{"name": "dev", "user": {"token": "none"}}],
    });
    std::fs::write(&path, text.to_string()).unwrap();
    path
}

fn run(program: &Path, kubeconfig: &Path, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .env("NO_COLOR", "1")
        .env_remove("KUBERNETES_SERVICE_HOST")
        // which is for the internet
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        // no podward.yaml, wherever these tests run; a list of kubeconfigs is in no folder
        .current_dir(
            kubeconfig
                .parent()
                .filter(|folder| folder.is_dir())
                .unwrap_or(Path::new("/")),
        )
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn check(kubeconfig: &Path, arguments: &[&str]) -> Output {
    let all = [&["check", "--cluster"], arguments].concat();
    run(Path::new(PODWARD), kubeconfig, &all)
}

fn refusal(code: u16, message: &str) -> (u16, Value) {
    let reason = if code == 404 { "NotFound" } else { "" };
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code});
    (code, status)
}

fn version() -> (u16, Value) {
    let none = "";
    (
        200,
        json!({"major": "1", "minor": "36+", "gitVersion": "v1.36.1", "gitCommit": none, "gitTreeState": none,
        "buildDate": none, "goVersion": none, "compiler": none, "platform": none}),
    )
}

fn namespace() -> (u16, Value) {
    let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
    (
        200,
        json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "shop", "labels": labels}}),
    )
}

const NAMESPACE: &str = "/api/v1/namespaces/shop";

#[test]
fn what_is_refused_is_told_and_all_else_is_judged() {
    let pod = json!({
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"hostNetwork": true, "containers": [{"name": "web", "image": "web", "securityContext": {"privileged": true}}]},
    });
    let pods = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": "more"}, "items": [pod]});
    let forbidden = "deployments.apps is forbidden: User \"ann\" cannot list resource \"deployments\" in API group \"apps\" in the namespace \"shop\"";
    let address = serve(Answers::from([
        ("/version", version()),
        (NAMESPACE, namespace()),
        (
            "/apis/apps/v1/namespaces/shop/deployments?&limit=500",
            refusal(403, forbidden),
        ),
        ("/api/v1/namespaces/shop/pods?&limit=500", (200, pods)),
        (
            "/api/v1/namespaces/shop/pods?&limit=500&continue=more",
            refusal(410, "the provided continue parameter is too old"),
        ),
    ]));
    let kubeconfig = kubeconfig(address);
    let told = check(&kubeconfig, &[]);
    assert_eq!(told.status.code(), Some(2), "{}", err(&told));
    let errors = err(&told);
    let place = "\n  --> cluster:shop/deployments\n  help: docs/check.md";
    assert!(
        errors.contains(&format!("error: {forbidden}{place}")),
        "{errors}"
    );
    assert!(
        errors.contains("too old\n  --> cluster:shop/pods\n"),
        "{errors}"
    );
    let printed = out(&told);
    assert!(
        printed.starts_with("cluster:shop/pods/web: Pod shop/web\n"),
        "{printed}"
    );
    let line = "spec.containers[0].securityContext.privileged error[privileged]";
    assert!(printed.contains(line), "{printed}");
    // baseline asks for no more
    assert!(!printed.contains("[runAsNonRoot]"), "{printed}");
    assert!(
        printed.ends_with("1 of 1 workload refused, 1 of 1 object with findings\n"),
        "{printed}"
    );
    // as the other forms have it
    let told = out(&check(&kubeconfig, &["-o", "json"]));
    let events: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let errors: Vec<_> = events
        .iter()
        .filter(|one| one["event"] == "error")
        .collect();
    assert_eq!(errors.len(), 2, "{told}");
    assert_eq!(errors[0]["file"], "cluster:shop/deployments");
    let found = events
        .iter()
        .find(|one| one["rule"] == "privileged")
        .unwrap();
    assert_eq!(found["file"], "cluster:shop/pods/web");
    assert_eq!(found["namespace"], "shop");
    let verdicts = out(&check(&kubeconfig, &["-o", "podsecurity"]));
    assert!(
        verdicts.contains("\"name\":\"web\",\"level\":\"baseline:v1.36\",\"allowed\":false"),
        "{verdicts}"
    );
    let commands = out(&check(&kubeconfig, &["-o", "github"]));
    let command = "::error title=privileged::cluster:shop/pods/web: spec.containers[0]";
    assert!(commands.contains(command), "{commands}");
    let sarif: Value = serde_json::from_str(&out(&check(&kubeconfig, &["-o", "sarif"]))).unwrap();
    let run = &sarif["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let place = &run["results"][0]["locations"][0];
    assert_eq!(
        place["physicalLocation"],
        json!({"artifactLocation": {"uri": "cluster%3Ashop/pods/web"}})
    );
}

#[test]
fn labels_that_cannot_be_read_count_where_no_profile_is_named() {
    let forbidden = "namespaces \"shop\" is forbidden";
    let kubeconfig = kubeconfig(serve(Answers::from([
        ("/version", version()),
        (NAMESPACE, refusal(403, forbidden)),
    ])));
    let told = check(&kubeconfig, &[]);
    assert_eq!(told.status.code(), Some(2));
    assert!(err(&told).contains(forbidden), "{}", err(&told));
    let told = check(&kubeconfig, &["--profile", "restricted"]);
    assert_eq!((told.status.code(), err(&told)), (Some(0), String::new()));
}

#[test]
fn what_is_not_there_is_named() {
    let none = scratch().join("none");
    let told = check(&none, &[]);
    assert_eq!(told.status.code(), Some(2));
    assert!(
        err(&told).contains("there is no kubeconfig"),
        "{}",
        err(&told)
    );
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let kubeconfig_of_nobody = kubeconfig(nobody);
    let told = check(&kubeconfig_of_nobody, &["-o", "sarif"]);
    assert_eq!((told.status.code(), out(&told)), (Some(2), String::new()));
    assert!(err(&told).contains("Connection refused"), "{}", err(&told));
    let told = check(&kubeconfig_of_nobody, &["--context", "prod"]);
    assert!(
        err(&told).contains("the kubeconfig has no context \"prod\"; it has dev"),
        "{}",
        err(&told)
    );
    let kubeconfig = kubeconfig(serve(Answers::from([
        ("/version", version()),
        (NAMESPACE, refusal(404, "NotFound")),
    ])));
    let told = check(&kubeconfig, &[]);
    assert_eq!(told.status.code(), Some(2));
    assert!(
        err(&told).contains("there is no namespace \"shop\""),
        "{}",
        err(&told)
    );
}

#[test]
fn files_and_a_cluster_are_not_judged_at_once() {
    let none = scratch().join("none");
    for arguments in [&["web.yaml"] as &[_], &["--code"], &["--image", "app.tar"]] {
        let told = check(&none, arguments);
        assert_eq!(told.status.code(), Some(2));
        assert!(err(&told).contains("cannot be used with"), "{}", err(&told));
    }
    let told = run(Path::new(PODWARD), &none, &["check", "-A"]);
    assert!(err(&told).contains("--cluster"), "{}", err(&told));
}

#[test]
fn as_a_plugin_it_has_the_name_that_is_typed() {
    let folder = scratch();
    let plugin = folder.join("kubectl-podward");
    symlink(PODWARD, &plugin).unwrap();
    let help = out(&run(&plugin, &folder, &["check", "--help"]));
    assert!(
        help.contains("Usage: kubectl podward check [OPTIONS]"),
        "{help}"
    );
    assert!(help.contains("  kubectl podward check deploy/\n"), "{help}");
    let stray = err(&run(&plugin, &folder, &["check", "--stray"]));
    assert!(stray.contains("Usage: kubectl podward check"), "{stray}");
    let web = folder.join("web.yaml");
    std::fs::write(&web, "kind: Pod\napiVersion: v1\nmetadata: {name: web}\nspec: {hostPID: true, containers: [{name: c, image: i}]}\n").unwrap();
    let told = run(&plugin, &folder, &["check", &web.to_string_lossy()]);
    assert_eq!(told.status.code(), Some(1), "{}", err(&told));
}

/// What may not be told, wherever it stands.
const HUSHED: &str = "HUSHHUSH";

/// A kubeconfig in a folder of its own whose user is `user`, in YAML.
fn kubeconfig_of(user: &str) -> PathBuf {
    let path = scratch().join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: dev\n\
         clusters:\n- name: dev\n  cluster: {{server: 'https://127.0.0.1:1'}}\n\
         contexts:\n- name: dev\n  context: {{cluster: dev, user: ann}}\n\
         users:\n- name: ann\n  user: {user}\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// A user whose plugin is a script.
fn plugin(script: &str, mode: &str) -> String {
    json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script, HUSHED],
        "env": [{"name": "CLIENT_SECRET", "value": HUSHED}], "interactiveMode": mode,
    }})
    .to_string()
}

#[test]
fn what_a_kubeconfig_holds_is_not_told() {
    for (user, want) in [
        (
            format!("\n    token: \"{HUSHED}\n    client-key-data: {HUSHED}"),
            "kubeconfig, line 13: the text is no YAML",
        ),
        (
            format!("\n    token: {HUSHED}\n   client-key-data: {HUSHED}"),
            "kubeconfig, line 14: the text is no YAML",
        ),
        (
            format!("{{token: *{HUSHED}}}"),
            "kubeconfig, line 12: an alias is of no anchor",
        ),
        (HUSHED.into(), "a value is of another type than its field"),
        (
            format!("{{token: {HUSHED}, exec: {HUSHED}}}"),
            "a value is of another type than its field",
        ),
        (
            format!("{{token: {HUSHED}, token: {HUSHED}}}"),
            "kubeconfig, line 12: a key stands twice",
        ),
        (
            format!("{{client-certificate-data: aa, client-key-data: '%{HUSHED}'}}"),
            "`client-certificate-data` is no base64",
        ),
        (
            format!("{{client-certificate-data: aaaa, client-key-data: '%{HUSHED}'}}"),
            "`client-key-data` is no base64",
        ),
        (
            format!("{{client-certificate: /dev/null, client-key: {HUSHED}}}"),
            "the file that `client-key` names cannot be read: No such file",
        ),
        (
            format!("{{tokenFile: {HUSHED}}}"),
            "the file that `tokenFile` names cannot be read: No such file",
        ),
        // -----BEGIN HUSHHUSH, with no end of the line's dashes
        (
            "{client-certificate-data: aaaa, client-key-data: LS0tLS1CRUdJTiBIVVNISFVTSAo=}".into(),
            "the client's certificate or key is no PEM",
        ),
        (
            format!("{{auth-provider: {{name: {HUSHED}, config: {{a: {HUSHED}}}}}}}"),
            "the credential of the kubeconfig's user cannot be had",
        ),
        (
            format!(
                "{{auth-provider: {{name: gcp, config: {{cmd-path: grep, cmd-args: {HUSHED} /dev/null}}}}}}"
            ),
            "the plugin failed: exit status: 1",
        ),
        (
            format!("{{token: \"{HUSHED}\\n\"}}"),
            "the token of the kubeconfig's user is one that no header can hold",
        ),
        (
            format!("{{as: \"{HUSHED}\\n\"}}"),
            "an `as` that no header can hold",
        ),
    ] {
        let told = check(&kubeconfig_of(&user), &[]);
        assert_eq!(told.status.code(), Some(2), "{user}");
        let said = err(&told);
        assert!(said.contains(want), "{user}\n{said}");
        assert!(!said.to_uppercase().contains(HUSHED), "{said}");
    }
}

#[test]
fn of_a_plugin_its_name_its_end_and_what_it_says_are_told() {
    let credential = |status: &str| {
        let head = r#""apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential""#;
        format!("echo '{{{head}{status}}}'")
    };
    for (script, want) in [
        (
            format!("echo {HUSHED}; echo no network >&2; exit 3"),
            "the plugin \"sh\" failed: exit status: 3: no network\n".to_owned(),
        ),
        (
            // more than is told
            format!("echo {HUSHED}; yes | head -c 4096 | tr -d '\\n' >&2; exit 3"),
            format!("exit status: 3: {}…\n", "y".repeat(1024)),
        ),
        (
            format!("echo {HUSHED}"),
            "the plugin \"sh\" has given what is no ExecCredential".into(),
        ),
        (
            format!("echo '{{\"status\": {{\"token\": [\"{HUSHED}\"]}}}}'"),
            "the plugin \"sh\" has given what is no ExecCredential".into(),
        ),
        (
            credential(&format!(r#","status":{{"token":"{HUSHED}\\n"}}"#)),
            "the token of the kubeconfig's user is one that no header can hold".into(),
        ),
        (
            credential(r#","status":{}"#),
            "the plugin \"sh\" has given neither a token nor a certificate".into(),
        ),
        (
            credential(""),
            "the plugin \"sh\" has given an ExecCredential without `status`".into(),
        ),
        (
            credential(&format!(
                r#","status":{{"token":"a","expirationTimestamp":"{HUSHED}"}}"#
            )),
            "the plugin \"sh\" has given an `expirationTimestamp` that is no time".into(),
        ),
    ] {
        let told = check(&kubeconfig_of(&plugin(&script, "Never")), &[]);
        assert_eq!(told.status.code(), Some(2), "{script}");
        let said = err(&told);
        assert!(said.contains(&want), "{script}\n{said}");
        assert!(!said.contains(HUSHED), "{said}");
    }
    // a token that ends is asked for again, by the request
    let script =
        credential(r#","status":{"token":"a","expirationTimestamp":"2020-01-01T00:00:00Z"}"#);
    let file = kubeconfig_of("");
    let mark = file.with_file_name("mark");
    let again = format!(
        "if [ $(cat {mark} | wc -l) -ge 3 ]; then echo {HUSHED}; exit 3; fi; echo >> {mark}; {script}",
        mark = mark.display()
    );
    std::fs::write(&mark, "").unwrap();
    let told = check(&kubeconfig_of(&plugin(&again, "Never")), &[]);
    let said = err(&told);
    assert!(
        said.contains("get /version: the plugin failed: exit status: 3\n"),
        "{said}"
    );
    assert!(!said.contains(HUSHED), "{said}");
}

#[test]
fn kubeconfigs_of_a_list_are_read_as_kubectl_reads_them() {
    let address = serve(Answers::from([
        ("/version", version()),
        (NAMESPACE, namespace()),
    ]));
    let real = kubeconfig(address);
    let folder = real.parent().unwrap();
    let list = |names: &[&str]| {
        let paths = names.iter().map(|name| folder.join(name));
        PathBuf::from(std::env::join_paths(paths).unwrap())
    };
    // which has no context of its own, and the cluster's name before the other
    let first = format!(
        "current-context: ''\nclusters:\n- name: dev\n  cluster: {{server: 'http://{address}'}}\n"
    );
    std::fs::write(folder.join("first"), first).unwrap();
    let wrong = "clusters:\n- name: dev\n  cluster: {server: 'http://127.0.0.1:1'}\n";
    std::fs::write(folder.join("wrong"), wrong).unwrap();
    std::fs::write(folder.join("broken"), "clusters: [").unwrap();
    for (names, want) in [
        (["nope", "kubeconfig"], None),
        (["kubeconfig", "nope"], None),
        (["first", "kubeconfig"], None),
        (["kubeconfig", "wrong"], None),
        (["wrong", "kubeconfig"], Some("Connection refused")),
        (
            ["kubeconfig", "broken"],
            Some("broken, line 1: the text is no YAML"),
        ),
        (["nope", "none"], Some("there is no kubeconfig: ")),
    ] {
        let told = check(&list(&names), &["--summary"]);
        let said = err(&told);
        let code = if want.is_some() { 2 } else { 0 };
        assert_eq!(told.status.code(), Some(code), "{names:?}: {said}");
        assert!(said.contains(want.unwrap_or_default()), "{names:?}: {said}");
    }
    let none = folder.join("nope");
    let told = check(&real, &["--kubeconfig", none.to_str().unwrap()]);
    assert_eq!(told.status.code(), Some(2));
    assert!(err(&told).contains("nope: No such file"), "{}", err(&told));
}

#[test]
fn a_user_who_is_not_in_the_kubeconfig_is_an_error() {
    let path = kubeconfig_of("{token: a}");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("user: ann", "user: bob")).unwrap();
    let told = check(&path, &[]);
    assert_eq!(told.status.code(), Some(2));
    let want = format!(
        "the context \"dev\" is of the user \"bob\", who is not in {}",
        path.display()
    );
    assert!(err(&told).contains(&want), "{}", err(&told));
}
