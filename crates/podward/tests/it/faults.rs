//! Folders that are wrong: what is told, with its place, and that nothing is started.

use std::path::PathBuf;
use std::process::Output;

use crate::harness::{err, is_root, out, podward, scratch, written};

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: fine}\nspec:\n  containers:\n  - name: c\n    command: [\"true\"]\n";

fn up(files: &[(&str, &str)]) -> (Output, PathBuf) {
    let state = scratch();
    let folder = written(files);
    let run = podward(&["up", &folder.to_string_lossy(), "--once"], &state);
    (run, state)
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_judged() {
    let cloud = |text: &str| format!("apiVersion: podward.dev/v1alpha1\nkind: Cloud\n{text}\n");
    let unknown_field = cloud("vaults: []\nvoults: []");
    let no_tenant = cloud("vaults:\n- name: shop\n  tenant: nobody");
    let no_operation = cloud(
        "tenants:\n- id: 7f0f6f0a-5d1c-4c0e-9f0d-2b6a2f0f3c11\n  name: t\n  applications:\n  - {name: a, clientId: 2c9d7b35-f840-4a16-b3ce-81f0d6e52a97}\nvaults:\n- name: shop\n  tenant: t\n  access:\n  - identity: a\n    keys: [get]\n    secrets: [gett]",
    );
    for (text, place, words) in [
        ("a: [1\n", "wrong.yaml:", "error: "),
        (
            "just text\n",
            "wrong.yaml:1:1",
            "this is no Kubernetes object: it is not a mapping",
        ),
        ("a: 1\n", "wrong.yaml:1:1", "kind is missing"),
        (
            "apiVersion: v1\nkind: Pod\nspec: {}\n",
            "wrong.yaml:1:1",
            "metadata.name is missing",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nmetadata: {name: b}\n",
            "wrong.yaml:4:1",
            "duplicate key",
        ),
        (
            POD,
            "wrong.yaml:3:18",
            "two objects of one name: Pod default/fine is also in",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: ../../x\n",
            "wrong.yaml:6:11",
            "spec.containers[0].name: invalid value \"../../x\"",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n    imagee: x\n",
            "wrong.yaml:7:5",
            "unknown field \"spec.containers[0].imagee\"",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostNetwork: \"true\"\n",
            "wrong.yaml:5:16",
            "spec.hostNetwork must be",
        ),
        (
            "apiVersion: aadpodidentity.k8s.io/v1\nkind: AzureIdentityBinding\nmetadata: {name: a}\nspec:\n  azureIdentty: x\n",
            "wrong.yaml:5:3",
            "unknown field \"spec.azureIdentty\"",
        ),
        (
            &no_operation,
            "wrong.yaml:14:15",
            "no operation on secrets: use all, get, list",
        ),
        (&unknown_field, "wrong.yaml:", "unknown field `voults`"),
        (&no_tenant, "wrong.yaml:5:11", "there is no such tenant"),
    ] {
        let (run, state) = up(&[("fine.yaml", POD), ("wrong.yaml", text)]);
        let said = err(&run);
        assert_eq!(run.status.code(), Some(2), "{text}\n{said}");
        assert!(
            said.contains(place) && said.contains(words),
            "{text}\n{said}"
        );
        let judged = out(&run);
        assert!(judged.contains("admitted Pod default/fine"), "{judged}");
        assert!(judged.contains("nothing was started"), "{judged}");
        let left: Vec<_> = std::fs::read_dir(&state).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn configuration_of_other_tools_is_left_alone() {
    if !is_root("configuration_of_other_tools_is_left_alone") {
        return;
    }
    let (run, _) = up(&[
        ("fine.yaml", POD),
        (
            "kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [fine.yaml]\n",
        ),
        (
            "kind.yaml",
            "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: []\n",
        ),
    ]);
    assert_eq!(run.status.code(), Some(0), "{}{}", out(&run), err(&run));
}

const CLASS: &str = "apiVersion: secrets-store.csi.x-k8s.io/v1\nkind: SecretProviderClass\nmetadata: {name: class}\nspec:\n  provider: azure\n  parameters:\n    keyvaultName: nowhere\n    tenantID: t\n    clientID: c\n    objects: |\n      array:\n      - |\n        objectName: a\n        objectType: secret\n";

#[test]
fn what_a_pod_lacks_is_told_with_its_line() {
    if !is_root("what_a_pod_lacks_is_told_with_its_line") {
        return;
    }
    let pod = |lines: &str| format!("{POD}{lines}");
    let volume = |source: &str| pod(&format!("  volumes:\n  - name: v\n    {source}\n"));
    let csi = volume(
        "csi: {driver: secrets-store.csi.k8s.io, readOnly: true, volumeAttributes: {secretProviderClass: class}}",
    );
    let secret = volume("secret: {secretName: none}");
    let config = volume("configMap: {name: none}");
    let env = pod(
        "    env:\n    - name: A\n      valueFrom: {secretKeyRef: {name: known, key: other}}\n",
    );
    let expect = POD.replace(
        "{name: fine}",
        "{name: fine, annotations: {podward.dev/expect: happy}}",
    );
    let from = pod("    envFrom:\n    - configMapRef: {name: none}\n");
    let known = "apiVersion: v1\nkind: Secret\nmetadata: {name: known}\nstringData: {key: value}\n";
    for (text, class, place, words, way) in [
        (
            &csi,
            "",
            "pod.yaml:10:101",
            "SecretProviderClass default/class is not in the folder",
            "add it",
        ),
        (
            &csi,
            CLASS,
            "more.yaml:7:19",
            "there is no vault \"nowhere\" in cloud.yaml",
            "names no vault",
        ),
        (
            &secret,
            known,
            "pod.yaml:10:26",
            "Secret default/none is not in the folder",
            "optional: true",
        ),
        (
            &config,
            known,
            "pod.yaml:10:23",
            "ConfigMap default/none is not in the folder",
            "optional: true",
        ),
        (
            &env,
            known,
            "pod.yaml:10:52",
            "Secret default/known has no key \"other\"",
            "its keys are: key",
        ),
        (
            &expect,
            known,
            "pod.yaml:3:58",
            "podward.dev/expect is none of",
            "choose one",
        ),
        (
            &from,
            known,
            "pod.yaml:9:28",
            "ConfigMap default/none is not in the folder",
            "optional: true",
        ),
    ] {
        let mut files = vec![("pod.yaml", text.as_str())];
        if !class.is_empty() {
            files.push(("more.yaml", class));
        }
        let (run, state) = up(&files);
        let said = err(&run);
        assert_eq!(run.status.code(), Some(1), "{text}\n{said}");
        assert!(said.contains(&format!("error: {words}")), "{text}\n{said}");
        assert!(
            said.contains(place) && said.contains(way),
            "{place}\n{text}\n{said}"
        );
        assert!(out(&run).contains("missed default/fine: "), "{}", out(&run));
        assert!(!state.join("run").exists());
    }
}

#[test]
fn a_full_disk_is_told() {
    use std::process::Command;
    if !is_root("a_full_disk_is_told") {
        return;
    }
    let (state, folder) = (scratch(), written(&[("pod.yaml", POD)]));
    let script = "mount -t tmpfs -o size=1m full \"$0\" && exec \"$1\" up \"$2\" --once";
    let run = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(&state)
        .arg(crate::harness::PODWARD)
        .arg(&folder)
        .env("PODWARD_STATE", &state)
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(2), "{}{}", out(&run), err(&run));
    let said = err(&run);
    assert!(
        said.contains("the disk has no room for the access log") && said.contains("make room"),
        "{said}"
    );
}
