//! Host names: which service is meant, and by which addresses its clients know the others.

use podward_api::KEY_VAULT_RESOURCE;

/// Host of the token service.
pub const AUTHORITY: &str = "login.microsoftonline.com";
/// Domain of the vaults.
pub const VAULT_DOMAIN: &str = "vault.azure.net";
/// Host of the token service on machines that leave the public name to the public cloud.
pub const LOCAL_AUTHORITY: &str = "login.localhost";
/// Domain of the vaults there.
pub const LOCAL_VAULT_DOMAIN: &str = "vault.localhost";

/// Host of Azure Resource Manager.
pub const MANAGER: &str = "management.azure.com";
/// Host of Azure Resource Manager where the public name is left to the public cloud.
pub const LOCAL_MANAGER: &str = "management.localhost";
/// The resource that tokens for Azure Resource Manager are for, in its oldest spelling.
pub(crate) const MANAGER_RESOURCE: &str = "https://management.core.windows.net";

/// The application id of the vaults, by which tokens can be asked for them.
pub(crate) const VAULT_APPLICATION: &str = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";

/// There is no subscription: it stands where a service names one.
pub(crate) const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";
/// The group that all vaults are in.
pub(crate) const RESOURCE_GROUP: &str = "podward";

/// Names of the public token service beside the one that is played.
const ALIASES: [&str; 3] = [
    "login.windows.net",
    "login.microsoft.com",
    "sts.windows.net",
];

/// Services that belong together.
#[derive(Debug)]
struct Domains {
    authority: &'static str,
    vaults: &'static str,
    manager: &'static str,
}

const DOMAINS: [Domains; 2] = [
    Domains {
        authority: AUTHORITY,
        vaults: VAULT_DOMAIN,
        manager: MANAGER,
    },
    Domains {
        authority: LOCAL_AUTHORITY,
        vaults: LOCAL_VAULT_DOMAIN,
        manager: LOCAL_MANAGER,
    },
];

/// A service of the cloud.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// The token service.
    Authority,
    /// A vault, by its name in lower case.
    Vault(String),
    /// Azure Resource Manager.
    Manager,
}

/// What a `Host` header says.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) service: Service,
    domains: &'static Domains,
    /// The name, and `:8443` or nothing.
    host: String,
    /// Where the port begins.
    port: usize,
}

impl Place {
    /// The service of a `Host` header; `None` for a name that is none of the cloud's.
    pub(crate) fn of(host: &str) -> Option<Self> {
        let (name, port) = host.split_once(':').unwrap_or((host, ""));
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        // what is written into ids and challenges must be a port
        let is_port = port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
        if !is_port {
            return None;
        }
        let (service, domains) = DOMAINS.iter().find_map(|domains| {
            if name == domains.authority {
                return Some((Service::Authority, domains));
            }
            if name == domains.manager {
                return Some((Service::Manager, domains));
            }
            let vault = name.strip_suffix(domains.vaults)?.strip_suffix('.')?;
            Some((Service::Vault(vault.to_owned()), domains))
        })?;
        let mut host = name;
        let at = host.len();
        if !matches!(port, "" | "443") {
            host.push(':');
            host.push_str(port);
        }
        Some(Self {
            service,
            domains,
            host,
            port: at,
        })
    }

    /// The token service of an address; `None` where that is none of the cloud's.
    pub(crate) fn of_authority(url: &str) -> Option<Self> {
        let host = url.strip_prefix("https://")?.split('/').next()?;
        Self::of(host).filter(|place| place.service == Service::Authority)
    }

    /// `https://` and the host that was asked, with its port.
    pub(crate) fn base(&self) -> String {
        format!("https://{}", self.host)
    }

    /// Address of the token service.
    pub(crate) fn authority(&self) -> String {
        format!("https://{}{}", self.domains.authority, self.port())
    }

    /// Host of the token service, with its port.
    pub(crate) fn authority_host(&self) -> String {
        format!("{}{}", self.domains.authority, self.port())
    }

    /// What a token for the vaults is for. Clients compare it with the vault's host, one of them with its port.
    pub(crate) fn resource(&self) -> String {
        format!("https://{}", self.vaults())
    }

    /// What the hosts of vaults end in.
    pub(crate) fn vaults(&self) -> String {
        format!("{}{}", self.domains.vaults, self.port())
    }

    /// Address of a vault.
    pub(crate) fn vault(&self, name: &str) -> String {
        format!("https://{name}.{}/", self.vaults())
    }

    fn port(&self) -> &str {
        self.host.get(self.port..).unwrap_or_default()
    }
}

/// A resource in one spelling: without trailing slashes, and the vaults of all domains and ports as one, as is the
/// manager.
fn canonical(resource: &str) -> &str {
    let bare = resource.trim_end_matches('/');
    if bare.eq_ignore_ascii_case(VAULT_APPLICATION) {
        return KEY_VAULT_RESOURCE;
    }
    let host = bare.strip_prefix("https://").unwrap_or_default();
    let (name, port) = host.split_once(':').unwrap_or((host, "0"));
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if is_port && DOMAINS.iter().any(|domains| domains.vaults == name) {
        return KEY_VAULT_RESOURCE;
    }
    if is_port && DOMAINS.iter().any(|domains| domains.manager == name) {
        return MANAGER_RESOURCE;
    }
    bare
}

/// Whether two names mean one resource.
pub(crate) fn same_resource(a: &str, b: &str) -> bool {
    canonical(a) == canonical(b)
}

/// Name of the host, and path, of an https address.
fn name_and_path(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("https://").unwrap_or_default();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let name = host.split_once(':').map_or(host, |(name, _port)| name);
    (name, path)
}

/// Whether an address is one of a tenant's at the token service: its issuer, or one of its endpoints, at any port.
pub(crate) fn is_authority(url: &str, tenant: &str) -> bool {
    let (name, path) = name_and_path(url);
    DOMAINS.iter().any(|domains| domains.authority == name)
        && path
            .split('/')
            .next()
            .is_some_and(|first| first.eq_ignore_ascii_case(tenant))
}

/// Whether a token endpoint is at a host that clients may trust: the cloud's, or one of the public cloud's.
pub(crate) fn is_known_authority(url: &str) -> bool {
    let (name, _) = name_and_path(url);
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    DOMAINS.iter().any(|domains| is(domains.authority)) || ALIASES.into_iter().any(is)
}

/// The parts of a path between its slashes.
pub(crate) fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_names_its_service_and_its_neighbours() {
        let place = Place::of("Shop.Vault.Azure.net:8443").unwrap();
        assert_eq!(place.service, Service::Vault("shop".into()));
        assert_eq!(place.base(), "https://shop.vault.azure.net:8443");
        assert_eq!(place.authority(), "https://login.microsoftonline.com:8443");
        assert_eq!(place.resource(), "https://vault.azure.net:8443");
        assert_eq!(
            Place::of("shop.vault.azure.net.:8443").unwrap().base(),
            "https://shop.vault.azure.net:8443"
        );
        let place = Place::of("management.localhost:8443").unwrap();
        assert_eq!(place.service, Service::Manager);
        assert_eq!(place.vault("shop"), "https://shop.vault.localhost:8443/");
        let place = Place::of("login.localhost:443").unwrap();
        assert_eq!(place.service, Service::Authority);
        assert_eq!(place.resource(), "https://vault.localhost");
        for other in [
            "",
            "vault.azure.net",
            "x.example",
            "a.vault.azure.net:\"",
            "evilvault.azure.net",
        ] {
            assert!(Place::of(other).is_none(), "{other}");
        }
    }

    #[test]
    fn vaults_are_one_resource_at_any_port() {
        let vault = KEY_VAULT_RESOURCE;
        assert!(same_resource(vault, "https://vault.azure.net/"));
        assert!(same_resource(vault, "https://vault.localhost:8443"));
        assert!(!same_resource(vault, "https://vault.azure.net:x"));
        assert!(!same_resource(vault, "https://vault.azure.net.example"));
        assert!(!same_resource(vault, "http://vault.azure.net"));
        let manager = "https://management.core.windows.net/";
        assert!(same_resource(
            manager,
            "https://management.localhost:8443//"
        ));
        assert!(same_resource(manager, "https://management.azure.com"));
        assert!(!same_resource(manager, vault));
    }
}
