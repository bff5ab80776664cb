use super::*;

fn settings() -> TokenEndpointSettings {
    TokenEndpointSettings {
        suffix: "proxy".into(),
        audience: "api://proxy".into(),
        proxy: "https://proxy.kube-system.svc:8443/token".into(),
        ..TokenEndpointSettings::default()
    }
}

#[test]
fn nothing_set_is_no_endpoint() {
    let none = TokenEndpoint::of(TokenEndpointSettings::default(), AUDIENCE);
    assert!(none.unwrap().is_none());
    assert!(TokenEndpoint::of(settings(), AUDIENCE).unwrap().is_some());
}

#[test]
fn each_fault_is_named() {
    use TokenEndpointError as Fault;
    type Change = fn(&mut TokenEndpointSettings);
    let cases: [(Change, Fault); 21] = [
        (|s| s.suffix.clear(), Fault::Incomplete),
        (|s| s.audience.clear(), Fault::Incomplete),
        (
            |s| {
                s.suffix = String::new();
                s.audience = String::new();
            },
            Fault::Incomplete,
        ),
        (
            |s| s.suffix = "a/b".into(),
            Fault::Annotation("azure.workload.identity/use-a/b".into()),
        ),
        (
            |s| s.audience = "API://azureadtokenexchange".into(),
            Fault::Audience("API://azureadtokenexchange".into()),
        ),
        (
            |s| s.audience = "api://Own".into(),
            Fault::Audience("api://Own".into()),
        ),
        (
            |s| s.proxy = "http://a".into(),
            Fault::Proxy("http://a".into()),
        ),
        (
            |s| s.proxy = "https://".into(),
            Fault::Proxy("https://".into()),
        ),
        (
            |s| s.proxy = "https://:443".into(),
            Fault::Proxy("https://:443".into()),
        ),
        (
            |s| s.proxy = "https://a/?b=c".into(),
            Fault::Proxy("https://a/?b=c".into()),
        ),
        (
            |s| s.proxy = "https://a/#b".into(),
            Fault::Proxy("https://a/#b".into()),
        ),
        (
            |s| s.proxy = "https://u:p@a".into(),
            Fault::Proxy("https://u:p@a".into()),
        ),
        (
            |s| {
                s.proxy.clear();
                s.sni = "a.b".into();
            },
            Fault::NoProxy,
        ),
        (
            |s| {
                s.proxy.clear();
                s.ca_config_map = "ca".into();
            },
            Fault::NoProxy,
        ),
        (|s| s.sni = "a b".into(), Fault::Sni("a b".into())),
        (
            |s| {
                s.ca_config_map = "ca".into();
                s.ca_signer = "example.com/a".into();
            },
            Fault::Cas,
        ),
        (|s| s.ca_data = "/ca.crt".into(), Fault::CaData),
        (
            |s| s.ca_config_map = "A".into(),
            Fault::ConfigMap("A".into()),
        ),
        (
            |s| s.ca_signer = "example.com".into(),
            Fault::Signer("example.com".into()),
        ),
        (|s| s.ca_selector = "a=b".into(), Fault::NoSigner),
        (
            |s| {
                s.ca_signer = "example.com/a".into();
                s.ca_selector = "a=b,c of (d)".into();
            },
            Fault::Selector("c of (d)".into()),
        ),
    ];
    for (change, want) in cases {
        let mut settings = settings();
        change(&mut settings);
        let error = TokenEndpoint::of(settings, "api://own").unwrap_err();
        assert_eq!(error, want);
    }
}

#[test]
fn true_is_read_in_any_case() {
    let endpoint = TokenEndpoint::of(settings(), AUDIENCE).unwrap().unwrap();
    for (value, want) in [("true", true), ("TRUE", true), ("yes", false), ("", false)] {
        let pod =
            json!({"metadata": {"annotations": {"azure.workload.identity/use-proxy": value}}});
        assert_eq!(endpoint.is_asked_by(&pod), want, "{value}");
    }
    assert!(!endpoint.is_asked_by(&json!({})));
}

#[test]
fn a_ca_of_the_authors_is_the_only_one() {
    let mut settings = settings();
    settings.ca_config_map = "ca".into();
    let endpoint = TokenEndpoint::of(settings, AUDIENCE).unwrap().unwrap();
    assert_eq!(endpoint.variables(None).len(), 3);
    let own = json!([{"name": CA_DATA, "value": "mine"}]);
    assert_eq!(endpoint.variables(Some(&own)).len(), 2);
}

#[test]
fn the_ca_lies_where_the_volume_is_mounted() {
    let mount = podward_api::workload_identity::MOUNT_PATH;
    assert_eq!(CA_MOUNTED, format!("{mount}/{CA_PATH}"));
}
