use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::trial::Trial;
use super::*;

#[test]
fn a_change_leaves_what_it_does_not_name() {
    let policy = |policy: Value| serde_json::from_value::<Policy>(policy).unwrap();
    let whole = json!({
        "key_props": {"kty": "RSA", "key_size": 3072, "exportable": false, "reuse_key": true},
        "secret_props": {"contentType": PEM},
        "x509_props": {
            "subject": "CN=web", "sans": {"dns_names": ["a.example"], "emails": ["a@b.example"]},
            "ekus": ["1.3.6.1.5.5.7.3.1"], "key_usage": ["cRLSign"], "validity_months": 3,
        },
        "lifetime_actions": [{"trigger": {"days_before_expiry": 9}, "action": {"action_type": "AutoRenew"}}],
        "issuer": {"name": "mine", "cty": "kind", "cert_transparency": true},
    });
    let kept = policy(whole).checked().unwrap();
    let after = |change: Value| {
        let changed = kept.clone().changed(policy(change), 7).unwrap();
        json!(changed.undated())
    };
    let before = json!(kept);
    for nothing in [
        json!({}),
        json!({"key_props": {}, "secret_props": {}, "x509_props": {"sans": {}}, "issuer": {}}),
        json!({"key_props": null, "x509_props": null, "issuer": null, "lifetime_actions": null}),
        json!({"x509_props": {"sans": null, "subject": null}}),
    ] {
        assert_eq!(after(nothing.clone()), before, "{nothing}");
    }
    for (at, value) in [
        ("/x509_props/validity_months", json!(24)),
        ("/x509_props/sans/emails", json!([])),
        ("/x509_props/ekus", json!(["1.3.6.1.5.5.7.3.2"])),
        ("/key_props/key_size", json!(4096)),
        ("/issuer/name", json!("other")),
    ] {
        let mut expected = before.clone();
        *expected.pointer_mut(at).unwrap() = value.clone();
        let names = at.split('/').skip(1).collect::<Vec<_>>();
        let change = names
            .iter()
            .rev()
            .fold(value, |inner, name| json!({*name: inner}));
        assert_eq!(after(change), expected, "{at}");
    }
    let other = after(json!({"key_props": {"kty": "EC"}}));
    let key = json!({"kty": "EC", "crv": "P-256", "exportable": false, "reuse_key": true});
    assert_eq!(other["key_props"], key);
}

#[test]
fn both_addresses_of_a_policy_change_part_of_it() {
    let trial = Trial::new();
    let policy = json!({"issuer": {"name": "Self"}, "key_props": {"kty": "EC", "crv": "P-384"}, "x509_props": {"subject": "CN=web", "validity_months": 6}});
    trial.ask(
        "POST",
        "/certificates/web/create",
        &json!({"policy": policy}),
    );
    let change = json!({"x509_props": {"validity_months": 24}, "key_props": {}});
    let (status, told) = trial.ask("PATCH", "/certificates/web/policy", &change);
    assert_eq!(
        (status, &told["x509_props"]["subject"]),
        (200, &json!("CN=web"))
    );
    assert_eq!(told["key_props"]["crv"], "P-384");
    let change = json!({"policy": {"x509_props": {"subject": "CN=new"}}});
    let (status, told) = trial.ask("PATCH", "/certificates/web", &change);
    assert_eq!(status, 200, "{told}");
    assert_eq!(told["policy"]["x509_props"]["subject"], "CN=new");
    assert_eq!(told["policy"]["x509_props"]["validity_months"], 24);
}

#[test]
fn what_no_vault_takes_is_refused() {
    let checked = |policy: Value| serde_json::from_value::<Policy>(policy).unwrap().checked();
    let action = |trigger: Value, kind: &str| json!({"lifetime_actions": [{"trigger": trigger, "action": {"action_type": kind}}]});
    assert!(checked(json!({"issuer": {"name": "Self"}, "key_props": null})).is_ok());
    assert!(checked(action(json!({"days_before_expiry": 9}), "EmailContacts")).is_ok());
    for wrong in [
        json!({"key_props": {"kty": "RSA", "key_size": 1024}}),
        json!({"key_props": {"kty": "oct"}}),
        json!({"key_props": {"kty": "EC", "crv": "P-1"}}),
        json!({"secret_props": {"contentType": "text/plain"}}),
        json!({"x509_props": {"validity_months": 0}}),
        action(json!({"lifetime_percentage": 0}), "AutoRenew"),
        action(json!({"lifetime_percentage": 100}), "AutoRenew"),
        action(json!({"days_before_expiry": 0}), "AutoRenew"),
        action(
            json!({"days_before_expiry": 9, "lifetime_percentage": 9}),
            "AutoRenew",
        ),
        action(json!({}), "AutoRenew"),
        action(json!({"days_before_expiry": 9}), "Shout"),
    ] {
        assert!(checked(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn basic_constraints_are_told_and_stand_in_the_certificate() {
    let trial = Trial::new();
    let create = |name: &str, constraints: Value| {
        let x509 = json!({"subject": "CN=web", "basic_constraints": constraints});
        let policy =
            json!({"issuer": {"name": "Self"}, "key_props": {"kty": "EC"}, "x509_props": x509});
        let path = format!("/certificates/{name}/create");
        trial.ask("POST", &path, &json!({"policy": policy}));
        trial
            .ask("GET", &format!("/certificates/{name}"), &Value::Null)
            .1
    };
    for (name, sent, ca) in [
        ("ca", json!({"ca": true}), true),
        ("leaf", json!({"ca": false}), false),
        ("silent", Value::Null, false),
    ] {
        let made = create(name, sent);
        let told = &made["policy"]["x509_props"]["basic_constraints"];
        assert_eq!(told, &json!({"ca": ca}), "{name}");
        let cer = STANDARD.decode(made["cer"].as_str().unwrap()).unwrap();
        let read = x509::read(&cer).unwrap();
        assert_eq!(extensions::read(read.extensions).ca, ca, "{name}");
        // identifiers of the authority's key and of its own, and the constraints
        for last in [0x23, 0x0e, 0x13] {
            let name = [6, 3, 0x55, 0x1d, last];
            assert!(read.extensions.windows(5).any(|window| window == name));
        }
        let secret = trial
            .ask("GET", &format!("/secrets/{name}"), &Value::Null)
            .1;
        let import = trial.ask(
            "POST",
            &format!("/certificates/again-{name}/import"),
            &json!({"value": secret["value"]}),
        );
        let told = &import.1["policy"]["x509_props"]["basic_constraints"];
        assert_eq!(told, &json!({"ca": ca}), "{name}");
    }
}
