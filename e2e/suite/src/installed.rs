//! podward in the cluster, installed as by a user.

use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::cluster::{Cluster, Fault, run};

/// The namespace it is installed in.
pub const SYSTEM: &str = "podward-system";

/// Values that the tests install it with.
const VALUES: [&str; 8] = [
    "createNamespace=true",
    "image.tag=e2e",
    "image.pullPolicy=Never",
    "webhook.podSecurityLabels=true",
    "webhook.tokenEndpoint.suffix=proxy",
    "webhook.tokenEndpoint.audience=api://proxy",
    "webhook.tokenEndpoint.proxy=https://proxy.example",
    "webhook.tokenEndpoint.caConfigMap=proxy-ca",
];

static STATE: RwLock<bool> = RwLock::new(false);

/// podward, installed and ready. Tests have it at the same time, but for those that stop it.
#[derive(Debug)]
pub struct Installed<'a> {
    cluster: &'a Cluster,
    _shared: RwLockReadGuard<'static, bool>,
}

/// podward, for one test alone.
#[derive(Debug)]
pub struct Alone<'a> {
    cluster: &'a Cluster,
    state: RwLockWriteGuard<'static, bool>,
}

/// The objects that install it, with the values of the tests.
///
/// # Errors
///
/// If podward cannot print them.
pub fn manifests() -> Result<String, Fault> {
    rendered(&VALUES)
}

/// The objects that install it with these values, as podward prints them.
///
/// # Errors
///
/// If it cannot.
pub fn rendered(values: &[&str]) -> Result<String, Fault> {
    let binary = std::env::var_os("PODWARD").ok_or("PODWARD names no binary")?;
    let mut podward = Command::new(binary);
    podward.args(["manifests", "--namespace", SYSTEM]);
    said(&mut podward, values)
}

/// What helm prints that is given the chart and these values.
///
/// # Errors
///
/// If it does not succeed.
pub fn helm(arguments: &[&str], values: &[&str]) -> Result<String, Fault> {
    let name =
        |variable| std::env::var_os(variable).ok_or_else(|| format!("{variable} is not set"));
    let mut helm = Command::new(name("PODWARD_TEST_HELM")?);
    helm.args(arguments)
        .args(["--namespace", SYSTEM, "podward"]);
    if arguments.first() != Some(&"uninstall") {
        helm.arg(name("PODWARD_TEST_CHART")?);
    }
    said(&mut helm, values)
}

fn said(command: &mut Command, values: &[&str]) -> Result<String, Fault> {
    for value in values {
        command.args(["--set", value]);
    }
    let said = run(command, "")?;
    if said.success {
        Ok(said.out)
    } else {
        Err(said.err.into())
    }
}

impl<'a> Installed<'a> {
    /// Installs it where no test has yet.
    ///
    /// # Errors
    ///
    /// If it is not ready within two minutes.
    pub fn of(cluster: &'a Cluster) -> Result<Self, Fault> {
        loop {
            let shared = STATE.read().unwrap_or_else(PoisonError::into_inner);
            if *shared {
                return Ok(Self {
                    cluster,
                    _shared: shared,
                });
            }
            drop(shared);
            Alone::of(cluster)?.install()?;
        }
    }

    /// What all replicas have logged, line by line.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn log(&self) -> Result<Vec<String>, Fault> {
        let label = "app.kubernetes.io/component=webhook";
        let logs = ["logs", "-n", SYSTEM, "-l", label, "--tail=-1"];
        let text = self.cluster.out(&logs)?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

impl<'a> Alone<'a> {
    /// Waits until no other test needs it.
    ///
    /// # Errors
    ///
    /// None so far.
    pub fn of(cluster: &'a Cluster) -> Result<Self, Fault> {
        let state = STATE.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Self { cluster, state })
    }

    /// Installs it, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If an object is refused, or it is not ready within two minutes.
    pub fn install(&mut self) -> Result<(), Fault> {
        self.apply(&[])?;
        self.ready()?;
        *self.state = true;
        Ok(())
    }

    /// Applies what installs it, with more values.
    ///
    /// # Errors
    ///
    /// If an object is refused.
    pub fn apply(&self, more: &[&str]) -> Result<(), Fault> {
        let objects = rendered(&[&VALUES, more].concat())?;
        let said = self.cluster.kubectl_with(&["apply", "-f", "-"], &objects)?;
        if said.success {
            Ok(())
        } else {
            Err(said.err.into())
        }
    }

    /// Waits until all replicas are ready.
    ///
    /// # Errors
    ///
    /// If they are not within two minutes; then with what the cluster says of them.
    pub fn ready(&self) -> Result<(), Fault> {
        let deployment = "deployment/podward-webhook";
        let status = [
            "rollout",
            "status",
            deployment,
            "-n",
            SYSTEM,
            "--timeout=120s",
        ];
        let said = self.cluster.kubectl(&status)?;
        if said.success {
            return self.reached();
        }
        let told = self.cluster.out(&["describe", "pods", "-n", SYSTEM])?;
        Err(format!("{}{told}", said.err).into())
    }

    /// Waits until the API server reaches it: a Service leads to a pod a moment after that is ready.
    fn reached(&self) -> Result<(), Fault> {
        let labels = serde_json::json!({"podward.dev/enforce": "no-level"});
        let namespace = serde_json::json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "reached", "labels": labels}});
        let create = ["create", "--dry-run=server", "-f", "-"];
        self.cluster.until("podward was reached", || {
            let said = self.cluster.kubectl_with(&create, &namespace.to_string())?;
            Ok(said.err.contains("must be one of").then_some(()))
        })
    }

    /// Replaces every replica, as an upgrade does.
    ///
    /// # Errors
    ///
    /// If the cluster refuses, or the new ones are not ready within two minutes.
    pub fn restart(&self) -> Result<(), Fault> {
        let restart = [
            "rollout",
            "restart",
            "deployment/podward-webhook",
            "-n",
            SYSTEM,
        ];
        self.cluster.out(&restart)?;
        self.ready()
    }

    /// So many replicas from now on.
    ///
    /// # Errors
    ///
    /// If the cluster refuses.
    pub fn scale(&self, replicas: usize) -> Result<(), Fault> {
        let count = format!("--replicas={replicas}");
        self.cluster
            .out(&["scale", "deployment/podward-webhook", "-n", SYSTEM, &count])?;
        if replicas > 0 {
            return self.ready();
        }
        let label = "app.kubernetes.io/component=webhook";
        self.cluster
            .out(&[
                "wait",
                "pod",
                "-n",
                SYSTEM,
                "-l",
                label,
                "--for=delete",
                "--timeout=60s",
            ])
            .map(drop)
    }

    /// Removes all that was installed.
    ///
    /// # Errors
    ///
    /// If an object cannot be removed.
    pub fn uninstall(&mut self) -> Result<(), Fault> {
        *self.state = false;
        let delete = ["delete", "--ignore-not-found", "--timeout=90s", "-f", "-"];
        let said = self.cluster.kubectl_with(&delete, &manifests()?)?;
        if said.success {
            Ok(())
        } else {
            Err(said.err.into())
        }
    }
}
