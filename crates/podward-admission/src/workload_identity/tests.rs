use super::*;

const OWN_HEADER: &str = "00112233445566778899aabbccddeeff";

fn view() -> View {
    let mut view = View::default();
    view.insert(
        "ServiceAccount",
        "shop",
        "web",
        json!({"metadata": {"annotations": {CLIENT_ID_ANNOTATION: "c"}}}),
    );
    view
}

fn environment() -> Environment {
    Environment {
        workload_identity: true,
        tenant: "t".into(),
        authority_host: podward_api::workload_identity::AUTHORITY_HOST.into(),
        audience: podward_api::workload_identity::AUDIENCE.into(),
        token_endpoint: None,
        endpoint: "http://e".into(),
        header: SecretString::new(OWN_HEADER.into()),
    }
}

fn pod(expiration: &str) -> Value {
    json!({
        "metadata": {"labels": {USE_LABEL: "true"}, "annotations": {TOKEN_EXPIRATION_ANNOTATION: expiration}},
        "spec": {"serviceAccountName": "web", "containers": [{"name": "a", "env": [{"name": "AZURE_TENANT_ID", "value": "own"}]}]},
    })
}

#[test]
fn what_is_missing_is_added_once() {
    let mut pod = pod("7200");
    inject(&mut pod, &view(), "shop", &environment()).unwrap();
    let once = pod.clone();
    inject(&mut pod, &view(), "shop", &environment()).unwrap();
    assert_eq!(pod, once);
    let env = pod
        .pointer("/spec/containers/0/env")
        .unwrap()
        .as_array()
        .unwrap();
    let value = |name: &str| {
        env.iter()
            .find(|e| e["name"] == name)
            .map(|e| e["value"].as_str().unwrap())
    };
    assert_eq!(value("AZURE_TENANT_ID"), Some("own"));
    assert_eq!(value("AZURE_CLIENT_ID"), Some("c"));
    assert_eq!(value("IDENTITY_ENDPOINT"), None);
    assert_eq!(
        pod.pointer("/spec/volumes/0/projected/sources/0/serviceAccountToken/expirationSeconds"),
        Some(&json!(7200))
    );
}

#[test]
fn faults_have_the_webhooks_words() {
    let error = inject(&mut pod("60"), &view(), "shop", &environment()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "token expiration 60 not valid. Expected value to be between 3600 and 86400"
    );
    let error = inject(&mut pod("3600"), &View::default(), "shop", &environment()).unwrap_err();
    assert!(error.to_string().contains("not found"));
    let mut proxied = pod("3600");
    proxied["metadata"]["annotations"][PROXY_ANNOTATION] = json!("false");
    proxied["spec"]["hostNetwork"] = json!(true);
    let error = inject(&mut proxied, &view(), "shop", &environment()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "hostNetwork is set to true, cannot inject proxy sidecar"
    );
}

#[test]
fn a_proxy_is_answered_by_the_endpoint_with_one_header_for_all_containers() {
    let mut pod = pod("3600");
    pod["metadata"]["annotations"][PROXY_ANNOTATION] = json!("true");
    let warnings = inject(&mut pod, &view(), "shop", &environment()).unwrap();
    assert_eq!(
        warnings,
        [
            "podward: azure.workload.identity/inject-proxy-sidecar is answered by podward's own identity endpoint: no sidecar and no init container is added"
        ]
    );
    // another webhook adds a container before this one is asked again
    pod["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "b"}));
    let mut again = environment();
    again.header = SecretString::new("ffeeddccbbaa99887766554433221100".into());
    inject(&mut pod, &view(), "shop", &again).unwrap();
    for container in pod["spec"]["containers"].as_array().unwrap() {
        let env = container["env"].as_array().unwrap();
        let header = env.iter().find(|one| one["name"] == HEADER).unwrap();
        assert_eq!(header["value"], OWN_HEADER);
    }
    assert_eq!(pod["spec"]["containers"].as_array().unwrap().len(), 2);
}

#[test]
fn a_proxy_that_nothing_answers_for_is_told_of() {
    let mut pod = pod("3600");
    pod["metadata"]["annotations"][PROXY_ANNOTATION] = json!("true");
    let given = Environment {
        endpoint: String::new(),
        ..environment()
    };
    assert_eq!(
        inject(&mut pod, &view(), "shop", &given).unwrap(),
        [
            "podward: azure.workload.identity/inject-proxy-sidecar is not answered, since no identity endpoint is served: no sidecar and no init container is added"
        ]
    );
}

#[test]
fn a_volume_that_has_the_tokens_name_is_replaced_and_told_of() {
    let mut pod = pod("3600");
    pod["metadata"]["name"] = json!("web");
    let name = volume::name(&pod);
    pod["spec"]["volumes"] = json!([{"name": "x", "emptyDir": {}}, {"name": name, "emptyDir": {}}]);
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": name, "mountPath": "/data"}]);
    let warnings = inject(&mut pod, &view(), "shop", &environment()).unwrap();
    assert_eq!(
        warnings,
        [format!(
            "podward: the volume {name:?} is replaced: its name is kept for the token"
        )]
    );
    assert_eq!(
        pod["spec"]["volumes"],
        json!([{"name": "x", "emptyDir": {}}, {"name": name, "projected": {"sources": [
            {"serviceAccountToken": {"path": TOKEN_PATH, "expirationSeconds": 3600,
                "audience": podward_api::workload_identity::AUDIENCE}}]}}])
    );
    assert_eq!(
        pod["spec"]["containers"][0]["volumeMounts"],
        json!([{"name": name, "mountPath": MOUNT_PATH, "readOnly": true}])
    );
    // as the API server hands it to a second call
    pod["spec"]["volumes"][1]["projected"]["defaultMode"] = json!(420);
    let once = pod.clone();
    let warnings = inject(&mut pod, &view(), "shop", &environment()).unwrap();
    assert_eq!((warnings.len(), pod), (0, once));
}

#[test]
fn a_volume_of_the_authors_in_the_tokens_place_is_told_of_unless_it_has_one() {
    let token =
        |path: &str| json!({"projected": {"sources": [{"serviceAccountToken": {"path": path}}]}});
    let told = |mut volume: Value, more: &Value, file: Option<&str>| {
        let mut pod = pod("3600");
        volume["name"] = json!("mine");
        pod["spec"]["volumes"] = json!([volume]);
        let mut mount = json!({"name": "mine", "mountPath": MOUNT_PATH});
        let fields = more.as_object().unwrap().clone();
        mount.as_object_mut().unwrap().extend(fields);
        let container = &mut pod["spec"]["containers"][0];
        container["volumeMounts"] = json!([mount]);
        if let Some(file) = file {
            container["env"] = json!([{"name": TOKEN_FILE, "value": file}]);
        }
        let warnings = inject(&mut pod, &view(), "shop", &environment()).unwrap();
        assert_eq!(pod["spec"]["containers"][0]["volumeMounts"], json!([mount]));
        warnings
    };
    let empty = json!({"emptyDir": {}});
    let whole = json!({});
    let want = "podward: container \"a\" mounts \"mine\" at /var/run/secrets/azure/wi and so gets no token: mount it elsewhere";
    assert_eq!(told(empty.clone(), &whole, None), [want]);
    assert_eq!(told(token("token"), &whole, None), [want]);
    let folder = json!({"subPath": "x"});
    assert_eq!(told(token(TOKEN_PATH), &folder, None), [want]);
    assert_eq!(told(token(TOKEN_PATH), &whole, None), [""; 0]);
    // who names a file of theirs looks there
    assert_eq!(told(empty, &whole, Some("/mine")), [""; 0]);
}

#[test]
fn an_authors_header_stays_with_its_container() {
    let own = json!({"name": HEADER, "value": "weak"});
    let mut pod = json!({
        "metadata": {"labels": {"podward.dev/identity": "true"}},
        "spec": {"initContainers": [{"name": "a", "env": [own]}], "containers": [{"name": "b"}]},
    });
    let given = environment();
    inject(&mut pod, &View::default(), "shop", &given).unwrap();
    let header = |pod: &Value, container: &str| {
        let env = pod.pointer(container).unwrap()["env"].as_array().unwrap();
        let mut all = env.iter().filter(|one| one["name"] == HEADER);
        let header = all.next().unwrap()["value"].clone();
        assert_eq!(all.next(), None);
        header
    };
    assert_eq!(header(&pod, "/spec/initContainers/0"), "weak");
    assert_eq!(header(&pod, "/spec/containers/0"), OWN_HEADER);
    let again = Environment {
        header: SecretString::new("ffeeddccbbaa99887766554433221100".into()),
        ..given
    };
    let once = pod.clone();
    inject(&mut pod, &View::default(), "shop", &again).unwrap();
    assert_eq!(pod, once);
    // a container that comes later has the header of the pod
    pod["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "c"}));
    inject(&mut pod, &View::default(), "shop", &again).unwrap();
    assert_eq!(header(&pod, "/spec/containers/1"), OWN_HEADER);
}
