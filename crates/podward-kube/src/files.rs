//! The kubeconfigs that are read, as kubectl finds them.

use std::env::{home_dir, split_paths, var_os};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kube::config::{Kubeconfig, KubeconfigError};

use crate::{KubeError, reason};

/// Kubeconfigs that are read as one.
pub(crate) struct Files {
    paths: Vec<PathBuf>,
}

impl Files {
    /// The one that is named; else those of `KUBECONFIG`, a list as `PATH` is one; else `~/.kube/config`.
    pub(crate) fn of(named: Option<&Path>) -> Self {
        if let Some(path) = named {
            return Self {
                paths: vec![path.to_owned()],
            };
        }
        let list = var_os("KUBECONFIG").unwrap_or_default();
        let mut paths: Vec<_> = split_paths(&list)
            .filter(|path| !path.as_os_str().is_empty())
            .collect();
        if paths.is_empty() {
            paths.extend(home_dir().map(|home| home.join(".kube/config")));
        }
        Self { paths }
    }

    /// What they say together, by the rules of kubectl
    /// (<https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/>): of a name that stands
    /// in several, the first; one that is not there is left out, where another is.
    ///
    /// # Errors
    /// When one cannot be read, and `NoFile` where there is none.
    pub(crate) fn read(&self) -> Result<Kubeconfig, ReadError> {
        let mut all = Kubeconfig::default();
        let mut missing = Vec::new();
        for path in &self.paths {
            let read = Kubeconfig::read_from(path).and_then(|mut one| {
                // an empty name sets nothing
                one.current_context.take_if(|name| name.is_empty());
                std::mem::take(&mut all).merge(one)
            });
            match read {
                Ok(merged) => all = merged,
                Err(KubeconfigError::ReadConfig(fault, _))
                    if fault.kind() == ErrorKind::NotFound =>
                {
                    missing.push(format!("{}: {fault}", path.display()));
                }
                Err(fault) => return Err(ReadError::Fault(reason::of_file(&fault, path))),
            }
        }
        if self.paths.is_empty() {
            let fault = "KUBECONFIG is not set, and there is no home folder";
            return Err(ReadError::NoFile(fault.to_owned()));
        }
        if missing.len() == self.paths.len() {
            return Err(ReadError::NoFile(missing.join(", ")));
        }
        Ok(all)
    }

    /// Their names, for who has to look into them.
    pub(crate) fn names(&self) -> String {
        let names = self.paths.iter().map(|path| path.display().to_string());
        names.collect::<Vec<_>>().join(", ")
    }
}

/// Kubeconfigs that cannot be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// There is none.
    NoFile(String),
    /// One cannot be read, or is none.
    Fault(String),
}

impl From<ReadError> for KubeError {
    fn from(fault: ReadError) -> Self {
        Self::Config(match fault {
            ReadError::NoFile(fault) => format!("there is no kubeconfig: {fault}"),
            ReadError::Fault(fault) => fault,
        })
    }
}
