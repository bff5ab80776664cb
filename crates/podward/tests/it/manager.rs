//! What command line tools ask Azure Resource Manager of `podward cloud`, as the Azure CLI 2.91 does.

use serde_json::json;

use crate::cloud::Cloud;
use crate::harness::scratch;

const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

#[test]
fn a_tool_finds_the_services_its_subscription_and_the_vaults() {
    let cloud = Cloud::start(scratch(), &[]);
    let (status, services) =
        cloud.manager("GET", "/metadata/endpoints?api-version=2022-09-01", None);
    assert_eq!(status, 200);
    let login = &services["authentication"]["loginEndpoint"];
    assert_eq!(login, &cloud.ready["authorityHost"]);
    let resource = services["authentication"]["audiences"][0].as_str().unwrap();
    assert_eq!(&services["resourceManager"], resource);
    let suffix = services["suffixes"]["keyVaultDns"].as_str().unwrap();
    let vault = cloud.ready["vaults"][0]["url"].as_str().unwrap();
    assert!(vault.ends_with(suffix), "{vault} {suffix}");

    let token = cloud.token_for(&format!("{resource}/"));
    let ask = |path: &str| cloud.manager("GET", path, Some(&token));
    let (status, all) = ask("/subscriptions?api-version=2022-12-01");
    assert_eq!(status, 200, "{all}");
    assert_eq!(all["value"][0]["subscriptionId"], SUBSCRIPTION);
    assert_eq!(all["value"][0]["state"], "Enabled");
    let (_, tenants) = ask("/tenants?api-version=2022-12-01");
    assert_eq!(tenants["value"][0]["tenantId"], all["value"][0]["tenantId"]);
    let group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/podward");
    let vaults = format!("{group}/providers/Microsoft.KeyVault/vaults");
    let (_, one) = ask(&format!("{vaults}/DEV?api-version=2023-07-01"));
    assert_eq!(one["properties"]["vaultUri"], format!("{vault}/"));
    for list in [
        vaults.clone(),
        format!("/subscriptions/{SUBSCRIPTION}/resources"),
        format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.KeyVault/vaults"),
    ] {
        let (_, all) = ask(&format!("{list}?api-version=2023-07-01"));
        assert_eq!(all["value"], json!([one]), "{list}");
    }
    assert_eq!(
        ask(&format!("{vaults}/other?api-version=2023-07-01")).0,
        404
    );
    assert_eq!(ask("/subscriptions").0, 400);
    let changed = cloud.manager(
        "PUT",
        &format!("{vaults}/new?api-version=2023-07-01"),
        Some(&token),
    );
    assert_eq!(
        (changed.0, &changed.1["error"]["code"]),
        (405, &json!("MethodNotAllowed"))
    );
}

#[test]
fn only_a_token_for_the_manager_is_taken() {
    let cloud = Cloud::start(scratch(), &[]);
    let manager = cloud.token_for("https://management.core.windows.net/");
    let tampered = format!("{manager}x");
    for (token, code) in [
        (None, "AuthenticationFailed"),
        (Some("x"), "InvalidAuthenticationToken"),
        (Some(&*tampered), "InvalidAuthenticationToken"),
        (Some(&cloud.token()), "InvalidAuthenticationTokenAudience"),
    ] {
        let (status, body) = cloud.manager("GET", "/subscriptions?api-version=2022-12-01", token);
        assert_eq!((status, &body["error"]["code"]), (401, &json!(code)));
    }
    let (status, _) = cloud.manager("GET", "/tenants?api-version=2022-12-01", Some(&manager));
    assert_eq!(status, 200);
    // and a vault does not take it
    let (status, _) = cloud.vault("GET", "/secrets", &manager, &serde_json::Value::Null);
    assert_eq!(status, 401);
}
