//! A local Key Vault and token service that the real clients accept.

mod assertion;
mod bearer;
mod ber;
mod config;
mod credentials;
mod der;
mod dispatch;
mod dress;
mod expression;
mod faults;
mod federation;
mod form;
mod ids;
mod instance;
mod issuers;
mod keys;
mod known;
mod manager;
mod metadata;
mod names;
mod proof;
mod roles;
mod signing;
mod throttle;
mod token;
mod token_door;
mod vault;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use podward_api::SecretString;
use podward_api::access::{Door, Event, ObjectRef, Outcome, Recorder};
use serde_json::{Value, json};

pub use config::{
    Access, Application, Attributes, Certificate, CloudConfig, ConfigError, Key, Secret, Tenant,
    TokenService, Vault,
};
pub use credentials::{
    ClaimsMatchingExpression, ClientCertificate, ClientSecret, FederatedCredential,
};
pub use faults::{Faults, Spoil};
pub use issuers::{Fetch, Fetched};
pub use keys::{Keys, KeysError, Signer};
pub use names::{
    AUTHORITY, LOCAL_AUTHORITY, LOCAL_MANAGER, LOCAL_VAULT_DOMAIN, MANAGER, VAULT_DOMAIN,
};
pub use roles::{Role, RoleAssignment, Scope};
pub use throttle::Throttle;
pub use vault::{Data, DataError, Export};

use dispatch::{answer, whole};
use known::Known;
use tokio::sync::Semaphore;
use vault::{Filling, Seal, Store};

/// Issuer of the local cluster's service account tokens.
pub const ISSUER: &str = "https://oidc.podward.internal";

/// The time, in unix seconds.
pub trait Clock: Send + Sync {
    /// Seconds since 1970.
    fn now(&self) -> i64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
    }
}

/// A clock that is set off from another.
struct Shifted {
    clock: Arc<dyn Clock>,
    offset: AtomicI64,
}

impl Shifted {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let offset = AtomicI64::new(0);
        Self { clock, offset }
    }

    fn set_off(&self, seconds: i64) {
        self.offset.store(seconds, Ordering::Relaxed);
    }

    /// What the time would be.
    fn set_off_by(&self, seconds: i64) -> i64 {
        self.clock.now().saturating_add(seconds)
    }

    fn now(&self) -> i64 {
        self.set_off_by(self.offset.load(Ordering::Relaxed))
    }
}

/// A clock that a test sets.
#[cfg(test)]
pub(crate) struct At(pub(crate) AtomicI64);

#[cfg(test)]
impl Clock for At {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The issuer that `issuer: podward` stands for.
pub struct LocalIssuer {
    /// `iss` of its tokens.
    pub url: String,
    /// Its published keys (RFC 7517), made when first asked for.
    pub jwks: Arc<dyn Fn() -> Value + Send + Sync>,
}

impl LocalIssuer {
    /// The issuer whose tokens this key signs.
    #[must_use]
    pub fn of(signer: Arc<Signer>) -> Self {
        Self {
            url: ISSUER.into(),
            jwks: Arc::new(move || json!({"keys": [signer.jwk()]})),
        }
    }
}

/// Who is calling, as the server that took the connection knows it; copied into events.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// UID of the pod.
    pub pod_uid: String,
    /// Service account of the pod.
    pub service_account: String,
    /// Node.
    pub node: String,
}

impl Caller {
    /// An event of this caller at a door, with nothing asked yet.
    fn event(&self, door: Door) -> Event {
        Event {
            node: self.node.clone(),
            namespace: self.namespace.clone(),
            pod: self.pod.clone(),
            pod_uid: self.pod_uid.clone(),
            service_account: self.service_account.clone(),
            door,
            ..Event::default()
        }
    }
}

/// A secret cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// There is no such vault.
    #[error("there is no vault {0:?} in cloud.yaml")]
    NoVault(String),
    /// The name or the value is no good.
    #[error("{0}")]
    Invalid(String),
    /// The access log cannot be written.
    #[error("{0}")]
    NotRecorded(String),
    /// The vault cannot be written.
    #[error(transparent)]
    NotKept(#[from] DataError),
}

/// A configuration cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It contradicts itself, or what the vaults hold.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The vaults cannot be read or written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The key that signs tokens cannot be kept.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// There is no randomness.
    #[error("the machine gives no random numbers")]
    NoRandomness,
}

/// The local cloud.
pub struct Cloud {
    holding: RwLock<Arc<Holding>>,
    issuer: LocalIssuer,
    issuers: issuers::Issuers,
    keys: Keys,
    /// Tokens of its own that came back.
    known: Known,
    recorder: Arc<dyn Recorder>,
    clock: Shifted,
    /// Where the vaults are kept; in memory alone where there is none.
    data: Option<Arc<Data>>,
    /// Makes the marks of a cloud that keeps nothing.
    seal: Seal,
    /// Permits for work with keys.
    work: Arc<Semaphore>,
    /// Held for work with a key on the loop, one piece at a time: what else the loop has to do goes on beside it.
    on_the_loop: Mutex<()>,
}

/// What the cloud holds: its configuration, and the vaults that were filled by it.
#[derive(Default)]
struct Holding {
    config: CloudConfig,
    vaults: BTreeMap<String, Arc<Mutex<Store>>>,
}

impl Cloud {
    /// A cloud as configured, with its vaults filled: beside what `data` keeps of them, where it is given.
    ///
    /// # Errors
    /// Where the configuration contradicts itself, or the vaults cannot be read or written.
    pub fn new(
        config: CloudConfig,
        issuer: LocalIssuer,
        keys: Keys,
        recorder: Arc<dyn Recorder>,
        clock: Arc<dyn Clock>,
        data: Option<Arc<Data>>,
    ) -> Result<Arc<Self>, ApplyError> {
        let cloud = Self {
            holding: RwLock::default(),
            issuer,
            issuers: issuers::Issuers::default(),
            keys,
            known: Known::default(),
            recorder,
            clock: Shifted::new(clock),
            data,
            seal: Seal::random().ok_or(ApplyError::NoRandomness)?,
            work: Arc::new(Semaphore::new(
                std::thread::available_parallelism().map_or(2, usize::from),
            )),
            on_the_loop: Mutex::default(),
        };
        cloud.apply(config)?;
        Ok(Arc::new(cloud))
    }

    /// Says how other issuers are asked for their keys. Without it their statements are refused, but for those whose
    /// keys cloud.yaml has from a file.
    pub fn ask_issuers_by(&self, fetch: Arc<dyn Fetch>) {
        self.issuers.ask_by(fetch);
    }

    /// Takes a new configuration. What it says as the last one did stays as it is, with every version made since;
    /// what it adds or changes is made. What it names no more is gone where the vaults are in memory alone, and stays
    /// where they are kept.
    ///
    /// # Errors
    /// Where the configuration contradicts itself, or the vaults cannot be read or written. After a contradiction
    /// nothing has changed.
    pub fn apply(&self, config: CloudConfig) -> Result<(), ApplyError> {
        config.check()?;
        let before = self.holding();
        let now = self.clock.set_off_by(config.clock_offset);
        let mut vaults = BTreeMap::new();
        let mut changes = Vec::new();
        for (index, vault) in config.vaults.iter().enumerate() {
            let name = vault.name.to_ascii_lowercase();
            let store = match before.vaults.get(&name) {
                Some(store) => Arc::clone(store),
                None => Arc::new(Mutex::new(self.opened(&name)?)),
            };
            let steps = Filling {
                store: &store.lock().unwrap_or_else(PoisonError::into_inner),
                vault,
                index,
                keys: self.keys.folder(),
                seal: self.data.as_ref().map_or(&self.seal, |data| data.seal()),
                now,
            }
            .steps()?;
            changes.push(steps);
            vaults.insert(name, store);
        }
        for (vault, steps) in config.vaults.iter().zip(changes) {
            if let Some(store) = vaults.get(&vault.name.to_ascii_lowercase()) {
                let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
                store.take(steps)?;
                store.begin();
            }
        }
        self.clock.set_off(config.clock_offset);
        let number = config.token_service.key_generation;
        self.keys.tokens.follow(number, now)?;
        *self.holding.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(Holding { config, vaults });
        Ok(())
    }

    /// A vault that was not served until now.
    fn opened(&self, name: &str) -> Result<Store, DataError> {
        match &self.data {
            Some(data) => data.load(name),
            None => Ok(Store::default()),
        }
    }

    /// What the cloud holds at this moment.
    fn holding(&self) -> Arc<Holding> {
        Arc::clone(&self.holding.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Id of the first tenant; empty where there is none.
    #[must_use]
    pub fn first_tenant(&self) -> String {
        let holding = self.holding();
        let first = holding.config.tenants.first();
        first.map(|tenant| tenant.id.clone()).unwrap_or_default()
    }

    /// Id of the tenant whose tokens a vault trusts; empty where there is no such vault.
    #[must_use]
    pub fn tenant_of(&self, vault: &str) -> String {
        let config = &self.holding().config;
        let tenant = config
            .vault(vault)
            .and_then(|vault| config.tenant(&vault.tenant));
        tenant.map(|tenant| tenant.id.clone()).unwrap_or_default()
    }

    /// The names that lead here.
    #[must_use]
    pub fn host_names(&self) -> Vec<String> {
        let holding = self.holding();
        let vaults = holding.vaults.keys();
        std::iter::once(AUTHORITY.to_owned())
            .chain(vaults.map(|name| format!("{name}.{VAULT_DOMAIN}")))
            .collect()
    }

    /// The HTTP service, told apart by the `Host` header.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .fallback(dispatch::serve)
            .with_state(Arc::clone(self))
    }

    /// The metadata service of a machine that all managed identities are attached to. `header` is what callers of
    /// its App Service form, `/msi/token`, must send as `X-IDENTITY-HEADER`.
    pub fn metadata_router(self: &Arc<Self>, header: SecretString) -> Router {
        metadata::router(Arc::clone(self), header)
    }

    /// Names of the vaults, in lower case.
    #[must_use]
    pub fn vaults(&self) -> Vec<String> {
        self.holding().vaults.keys().cloned().collect()
    }

    /// Makes a new version of a secret, as its owner would in the portal.
    ///
    /// # Errors
    /// When there is no such vault, the name or value is no good, or the event cannot be recorded.
    pub fn set_secret(
        &self,
        vault: &str,
        name: &str,
        value: SecretString,
    ) -> Result<String, SetError> {
        let holding = self.holding();
        let store = holding
            .vaults
            .get(&vault.to_ascii_lowercase())
            .ok_or_else(|| SetError::NoVault(vault.to_owned()))?;
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        if store.is_deleted(name) {
            let text = format!("{name} was deleted and may come back: recover or purge it first");
            return Err(SetError::Invalid(text));
        }
        let version = vault::new_version().map_err(SetError::Invalid)?;
        vault::check_secret(name, value.expose()).map_err(SetError::Invalid)?;
        let event = Event {
            door: Door::Vault,
            asked: format!("set secret/{name}"),
            outcome: Outcome::Granted,
            rule: "control socket".into(),
            request_id: ids::new_id().to_string(),
            reason: "the user who runs `podward up` set it".into(),
            object: Some(ObjectRef {
                vault: vault.into(),
                kind: "secret".into(),
                name: name.into(),
                version: version.clone(),
            }),
            ..Event::default()
        };
        self.recorder
            .record(event)
            .map_err(|e| SetError::NotRecorded(e.to_string()))?;
        store.set_secret(name, value, &version, self.clock.now())?;
        Ok(version)
    }
}
