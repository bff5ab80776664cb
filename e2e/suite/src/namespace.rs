//! A namespace of a test's own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cluster::{Cluster, Fault};

/// Removed with all that is in it when it is dropped.
#[derive(Debug)]
pub struct Namespace<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl<'a> Namespace<'a> {
    /// Makes one, with labels, and waits until pods can be made in it.
    ///
    /// # Errors
    ///
    /// If the API server refuses it.
    pub fn make(cluster: &'a Cluster, name: &str, labels: &[(&str, &str)]) -> Result<Self, Fault> {
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": labels},
        });
        let said = cluster.kubectl_with(&["create", "-f", "-"], &object.to_string())?;
        if !said.success {
            return Err(said.err.into());
        }
        let made = Self {
            cluster,
            name: name.to_owned(),
        };
        let what = format!("{name} had its service account");
        cluster.until(&what, || {
            let account = ["get", "serviceaccount", "default", "-n", name];
            Ok(cluster.kubectl(&account)?.success.then_some(()))
        })?;
        Ok(made)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Creates an object in it.
    ///
    /// # Errors
    ///
    /// If it is refused, in the words of the API server.
    pub fn create(&self, object: &Value) -> Result<(), Fault> {
        let arguments = ["create", "-n", &self.name, "-f", "-"];
        let said = self.cluster.kubectl_with(&arguments, &object.to_string())?;
        if said.success {
            Ok(())
        } else {
            Err(said.err.into())
        }
    }

    /// Creates objects in a dry run. What was accepted comes back as the API server would have stored it, and what it
    /// said of the others line by line.
    ///
    /// # Errors
    ///
    /// If kubectl cannot be run, or prints what is no JSON.
    pub fn dry_run(&self, manifests: &str) -> Result<(Vec<Value>, Vec<String>), Fault> {
        let server = "--dry-run=server";
        let arguments = ["create", "-n", &self.name, server, "-o", "json", "-f", "-"];
        let said = self.cluster.kubectl_with(&arguments, manifests)?;
        let documents = serde_json::Deserializer::from_str(&said.out).into_iter::<Value>();
        let mut accepted = Vec::new();
        for document in documents {
            let mut document = document?;
            match document.get_mut("items").and_then(Value::as_array_mut) {
                Some(items) => accepted.append(items),
                None => accepted.push(document),
            }
        }
        Ok((accepted, said.err.lines().map(str::to_owned).collect()))
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        let delete = ["delete", "namespace", &self.name, "--wait=false"];
        // the cluster goes down soon
        let _ = self.cluster.kubectl(&delete);
    }
}
