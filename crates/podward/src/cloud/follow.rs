//! cloud.yaml while `podward cloud` runs: a changed file is applied.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use podward_cloud::{Cloud, Data};
use serde_json::json;

use super::config::File;
use crate::io::Io;
use crate::report::Report;

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// Length and time of a file; `None` where there is none.
type Print = Option<(u64, Option<SystemTime>)>;

/// Applies the file each time that it has changed.
pub(super) struct Follower {
    named: Option<PathBuf>,
    cloud: Arc<Cloud>,
    data: Option<Arc<Data>>,
    last: Print,
}

impl Follower {
    pub(super) fn new(named: Option<&Path>, cloud: Arc<Cloud>, data: Option<Arc<Data>>) -> Self {
        Self {
            named: named.map(Path::to_owned),
            last: print(File::path(named)),
            cloud,
            data,
        }
    }

    /// Returns once the file has changed and then stayed as it is for a moment: an editor writes in steps. A file
    /// that is gone changes nothing. Polled, since notices of the kernel are lost on network and overlay file systems.
    pub(super) async fn changed(&mut self) {
        let path = File::path(self.named.as_deref()).to_owned();
        loop {
            tokio::time::sleep(INTERVAL).await;
            let mut now = print(&path);
            if now == self.last || now.is_none() {
                continue;
            }
            loop {
                tokio::time::sleep(INTERVAL / 2).await;
                let again = print(&path);
                if again == now {
                    break;
                }
                now = again;
            }
            if now.is_some() {
                self.last = now;
                return;
            }
        }
    }

    /// Takes the file over. Where it is wrong, that is told, and everything stays as it is.
    pub(super) fn apply(&self, io: &Io) -> Option<&Cloud> {
        match self.applied() {
            Ok(()) => {
                io.line("cloud.yaml has changed, and is applied");
                io.emit("applied", json!({"vaults": self.cloud.vaults()}));
                Some(&self.cloud)
            }
            Err(report) => {
                io.emit("not-applied", json!({"reason": report.brief()}));
                io.report(&report);
                None
            }
        }
    }

    fn applied(&self) -> Result<(), Report> {
        let mut file = File::read(self.named.as_deref())?;
        let config = std::mem::take(&mut file.config);
        self.cloud.apply(config).map_err(|e| file.not_applied(&e))?;
        match &self.data {
            Some(data) => data
                .keep_config(file.json.as_bytes())
                .map_err(|e| Report::new(&e).help(e.help())),
            None => Ok(()),
        }
    }
}

fn print(path: &Path) -> Print {
    let file = path.metadata().ok()?;
    Some((file.len(), file.modified().ok()))
}
