//! Watches: what they see stands in the cluster view.

use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Resource};
use podward_cluster::Cluster;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{KubeError, Kubernetes, reason};

/// A kind of object that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// Namespaces.
    Namespace,
    /// Service accounts.
    ServiceAccount,
}

impl Followed {
    const ALL: [Self; 2] = [Self::Namespace, Self::ServiceAccount];

    /// As the cluster view names it.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::ServiceAccount => "ServiceAccount",
        }
    }
}

/// Watches that run until it is dropped.
pub struct Following {
    tasks: Vec<JoinHandle<()>>,
    seen: Vec<watch::Receiver<bool>>,
    /// Of each watch: whether its last word was an error.
    stale: Vec<Arc<AtomicBool>>,
}

impl Drop for Following {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Following {
    /// Whether all that is followed was seen once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.seen.iter().all(|seen| *seen.borrow())
    }

    /// Waits until all that is followed was seen once.
    pub async fn complete(&self) {
        for seen in &self.seen {
            // a watch that has ended is one of a process that ends
            let _ = seen.clone().wait_for(|seen| *seen).await;
        }
    }

    /// Whether the view may be older than the cluster: a watch has broken off and is not back.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale.iter().any(|stale| stale.load(Ordering::Relaxed))
    }
}

impl Kubernetes {
    /// Has the metadata of all namespaces and service accounts in a view, as long as what it gives lives. `told` is
    /// handed each error of a watch, which goes on by itself.
    pub fn follow(
        &self,
        cluster: &Arc<Cluster>,
        told: impl Fn(&'static str, String) + Clone + Send + 'static,
    ) -> Following {
        let mut following = Following {
            tasks: Vec::new(),
            seen: Vec::new(),
            stale: Vec::new(),
        };
        for followed in Followed::ALL {
            let (done, seen) = watch::channel(false);
            let stale = Arc::new(AtomicBool::new(false));
            let follow = Follow {
                kind: followed.kind(),
                cluster: Arc::clone(cluster),
                done,
                stale: Arc::clone(&stale),
            };
            let (client, told) = (self.client.clone(), told.clone());
            let task = match followed {
                Followed::Namespace => {
                    tokio::spawn(follow.run::<Namespace>(Api::all(client), told))
                }
                Followed::ServiceAccount => {
                    tokio::spawn(follow.run::<ServiceAccount>(Api::all(client), told))
                }
            };
            following.tasks.push(task);
            following.seen.push(seen);
            following.stale.push(stale);
        }
        following
    }

    /// Looks an object up that the view does not have yet, and adds it.
    ///
    /// # Errors
    /// When the API server cannot be asked; that there is no such object is none.
    pub async fn look_up(
        &self,
        cluster: &Cluster,
        followed: Followed,
        namespace: &str,
        name: &str,
    ) -> Result<bool, KubeError> {
        let client = self.client.clone();
        let what = format!("get {} {name}", followed.kind());
        let found = match followed {
            Followed::Namespace => {
                let api = Api::<Namespace>::all(client);
                let found = api.get_metadata_opt(name).await;
                found.map(|found| found.map(|one| entry(&one)))
            }
            Followed::ServiceAccount => {
                let api = Api::<ServiceAccount>::namespaced(client, namespace);
                let found = api.get_metadata_opt(name).await;
                found.map(|found| found.map(|one| entry(&one)))
            }
        };
        let Some((namespace, name, object)) = found.map_err(KubeError::of(what))? else {
            return Ok(false);
        };
        cluster.change(|view| view.insert(followed.kind(), &namespace, &name, object));
        Ok(true)
    }
}

struct Follow {
    kind: &'static str,
    cluster: Arc<Cluster>,
    done: watch::Sender<bool>,
    stale: Arc<AtomicBool>,
}

impl Follow {
    async fn run<K>(self, api: Api<PartialObjectMeta<K>>, told: impl Fn(&'static str, String))
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
    {
        let mut events = pin!(watcher(api, Config::default()).default_backoff());
        let mut listed = Vec::new();
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event,
                Err(error) => {
                    self.stale.store(true, Ordering::Relaxed);
                    let credential = reason::of_credential(&error);
                    told(self.kind, credential.unwrap_or_else(|| error.to_string()));
                    continue;
                }
            };
            self.stale.store(false, Ordering::Relaxed);
            match event {
                Event::Init => listed.clear(),
                Event::InitApply(object) => listed.push(entry(&object)),
                Event::InitDone => {
                    let listed = std::mem::take(&mut listed);
                    self.cluster.change(|view| view.replace(self.kind, listed));
                    // nobody may wait any more
                    let _ = self.done.send(true);
                }
                Event::Apply(object) => {
                    let (namespace, name, object) = entry(&object);
                    let kind = self.kind;
                    self.cluster
                        .change(|view| view.insert(kind, &namespace, &name, object));
                }
                Event::Delete(object) => {
                    let (namespace, name, _) = entry(&object);
                    self.cluster
                        .change(|view| view.remove(self.kind, &namespace, &name));
                }
            }
        }
    }
}

/// Namespace, name, and what of the metadata is read.
fn entry<K>(object: &PartialObjectMeta<K>) -> (String, String, Value) {
    let namespace = object.metadata.namespace.clone().unwrap_or_default();
    let name = object.metadata.name.clone().unwrap_or_default();
    let metadata = json!({
        "name": name,
        "labels": object.metadata.labels,
        "annotations": object.metadata.annotations,
    });
    (namespace, name, json!({ "metadata": metadata }))
}
