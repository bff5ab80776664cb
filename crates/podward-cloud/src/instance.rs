//! What the metadata service tells of the machine.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::ids::object_id;
use crate::names::SUBSCRIPTION;
use crate::{Cloud, answer};

/// Versions that `/metadata/versions` tells; any other that is a day is taken too.
const VERSIONS: [&str; 5] = [
    "2017-08-01",
    "2018-02-01",
    "2019-08-01",
    "2020-09-01",
    "2021-02-01",
];

/// What is told of the machine.
fn instance(cloud: &Cloud) -> Value {
    let tenant = cloud.first_tenant();
    let vm = object_id(&tenant, "vm");
    json!({
        "compute": {
            "azEnvironment": "AzurePublicCloud", "customData": "", "evictionPolicy": "",
            "isHostCompatibilityLayerVm": "false", "licenseType": "", "location": "local",
            "name": "podward", "offer": "podward",
            "osProfile": {"adminUsername": "", "computerName": "podward", "disablePasswordAuthentication": "true"},
            "osType": "Linux", "placementGroupId": "",
            "plan": {"name": "", "product": "", "publisher": ""},
            "platformFaultDomain": "0", "platformUpdateDomain": "0", "priority": "Regular",
            "provider": "Microsoft.Compute", "publicKeys": [], "publisher": "podward",
            "resourceGroupName": "podward",
            "resourceId": format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/podward/providers/Microsoft.Compute/virtualMachines/podward"),
            "securityProfile": {"secureBootEnabled": "false", "virtualTpmEnabled": "false"},
            "sku": "podward",
            "storageProfile": {
                "dataDisks": [],
                "imageReference": {"id": "", "offer": "podward", "publisher": "podward", "sku": "podward", "version": env!("CARGO_PKG_VERSION")},
                "osDisk": {"caching": "None", "createOption": "FromImage", "diskSizeGB": "0", "name": "podward", "osType": "Linux"},
            },
            "subscriptionId": SUBSCRIPTION, "tags": "", "tagsList": [], "userData": "",
            "version": env!("CARGO_PKG_VERSION"), "vmId": vm, "vmScaleSetName": "", "vmSize": "Standard_B1s", "zone": "",
        },
        "network": {"interface": [{
            "ipv4": {
                "ipAddress": [{"privateIpAddress": "127.0.0.1", "publicIpAddress": ""}],
                "subnet": [{"address": "127.0.0.0", "prefix": "8"}],
            },
            "ipv6": {"ipAddress": []}, "macAddress": "000000000000",
        }]},
    })
}

/// A refusal in the form of this part of the service.
pub(crate) fn refused(status: u16, text: &str) -> Response {
    answer(
        status,
        &json!({"error": text, "newest-versions": ["2021-02-01", "2020-09-01", "2019-08-01"]}),
    )
}

/// The versions of the service.
pub(crate) fn versions() -> Response {
    answer(200, &json!({"apiVersions": VERSIONS}))
}

/// What stands at a path below `/metadata/instance`: as JSON, or one line for each name or value with `format=text`.
pub(crate) fn serve(cloud: &Cloud, path: &[&str], query: &[(String, String)]) -> Option<Response> {
    let whole = instance(cloud);
    let found = path.iter().try_fold(&whole, |at, part| match at {
        Value::Array(all) => all.get(part.parse::<usize>().ok()?),
        Value::Object(all) => {
            let mut all = all.iter();
            let found = all.find(|(name, _)| name.eq_ignore_ascii_case(part));
            found.map(|(_, value)| value)
        }
        _ => None,
    })?;
    let format = query.iter().find(|(name, _)| name == "format");
    match format.map_or("json", |(_, format)| format.as_str()) {
        "text" => {
            let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
            Some((StatusCode::OK, kind, text(found)).into_response())
        }
        "json" if found.is_object() || found.is_array() => Some(answer(200, found)),
        // a value alone is no JSON to the service
        _ => Some(answer(
            400,
            &json!({"error": "Bad request. Use format=text for a value"}),
        )),
    }
}

fn text(value: &Value) -> String {
    let line = |name: &str, value: &Value| match value {
        Value::Object(_) | Value::Array(_) => format!("{name}/"),
        _ => name.to_owned(),
    };
    match value {
        Value::Object(all) => {
            let lines: Vec<_> = all.iter().map(|(name, value)| line(name, value)).collect();
            lines.join("\n")
        }
        Value::Array(all) => {
            let lines = all.iter().enumerate();
            let lines: Vec<_> = lines
                .map(|(n, value)| line(&n.to_string(), value))
                .collect();
            lines.join("\n")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_told_line_by_line() {
        let value = json!({"a": {"b": "c"}, "d": ["e"], "f": ""});
        assert_eq!(text(&value), "a/\nd/\nf");
        assert_eq!(text(&value["a"]), "b");
        assert_eq!(text(&value["a"]["b"]), "c");
        assert_eq!(text(&value["d"]), "0");
    }
}
