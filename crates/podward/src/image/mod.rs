//! Images in archives: what their configuration and their layers hold. Nothing is unpacked.

mod archive;
mod layers;
mod manifest;
mod tar;
mod zstd;

use std::collections::BTreeSet;
use std::path::Path;

use podward_policy::{Finding, findings_of_image};
use serde_json::Value;

use crate::report::Report;
use archive::Archive;
use layers::Layers;

/// A text of an image, and what was found in it.
pub(crate) struct Told {
    /// As messages name it.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) findings: Vec<Finding>,
}

/// What is found in the images of an archive or of an OCI layout, and what could not be read.
pub(crate) fn read(path: &Path, shown: &str) -> (Vec<Told>, Vec<Report>) {
    let (mut told, mut errors) = (Vec::new(), Vec::new());
    let failed = |message: &dyn std::fmt::Display, at: &str| Report::new(message).at(at, None);
    let archive = match Archive::open(path) {
        Ok(archive) => archive,
        Err(error) => return (told, vec![failed(&error, shown)]),
    };
    let images = match manifest::images(&archive) {
        Ok(images) => images,
        Err(error) => return (told, vec![failed(&error, shown)]),
    };
    let (mut seen, many) = (BTreeSet::new(), images.len() > 1);
    for image in images {
        let mut name = format!("{shown}:config");
        if many {
            let config = image.config.rsplit('/').next().unwrap_or_default();
            name = format!("{name}:{}", config.get(..12).unwrap_or(config));
        }
        match manifest::json(&archive, &image.config) {
            Ok(Some(config)) => {
                let text = configuration(&config);
                let findings = findings_of_image(&name, &text);
                told.push(Told {
                    path: name,
                    text,
                    findings,
                });
            }
            Ok(None) => errors.push(failed(
                &"the configuration of the image is not in the archive",
                &name,
            )),
            Err(error) => errors.push(failed(&error, &name)),
        }
        let mut layers = Layers::new(&archive, shown);
        for layer in image
            .layers
            .iter()
            .filter(|layer| seen.insert((*layer).clone()))
        {
            if let Err(error) = layers.read(layer) {
                errors.push(failed(&error, &format!("{shown}:{layer}")));
            }
        }
        told.extend(layers.told());
    }
    told.retain(|one| !one.findings.is_empty());
    (told, errors)
}

/// The configuration of an image as the lines of a Dockerfile, its user first.
fn configuration(config: &Value) -> String {
    let inner = config.get("config").unwrap_or(&Value::Null);
    let mut text = String::new();
    let mut line = |word: &str, value: &str| {
        // one line each, whatever it holds
        let value = value.replace(['\n', '\r'], " ");
        text.push_str(format!("{word} {value}").trim_end());
        text.push('\n');
    };
    line(
        "USER",
        inner
            .get("User")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    );
    for value in inner
        .get("Env")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        line("ENV", value.as_str().unwrap_or_default());
    }
    for (key, value) in inner
        .get("Labels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        line(
            "LABEL",
            &format!("{key}={}", value.as_str().unwrap_or_default()),
        );
    }
    for (word, key) in [
        ("ENTRYPOINT", "/Entrypoint"),
        ("CMD", "/Cmd"),
        ("HEALTHCHECK", "/Healthcheck/Test"),
    ] {
        let words = inner
            .pointer(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let words: Vec<_> = words.filter_map(Value::as_str).collect();
        if !words.is_empty() {
            line(word, &words.join(" "));
        }
    }
    for step in inner
        .get("OnBuild")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        line("ONBUILD", step.as_str().unwrap_or_default());
    }
    for step in config
        .get("history")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if let Some(made) = step.get("created_by").and_then(Value::as_str) {
            line("HISTORY", made);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_configuration_has_a_line_for_each_part() {
        let config = serde_json::json!({
            "config": {"User": "app", "Env": ["A=1"], "Labels": {"b": "2"}, "Entrypoint": ["/x", "-y"], "Cmd": null, "Healthcheck": {"Test": ["CMD", "curl", "h"]}, "OnBuild": ["ENV A=1"]},
            "history": [{"created_by": "RUN a\nb"}, {"empty_layer": true}],
        });
        let text = super::configuration(&config);
        assert_eq!(
            text,
            "USER app\nENV A=1\nLABEL b=2\nENTRYPOINT /x -y\nHEALTHCHECK CMD curl h\nONBUILD ENV A=1\nHISTORY RUN a b\n"
        );
        assert_eq!(super::configuration(&serde_json::Value::Null), "USER\n");
    }
}
