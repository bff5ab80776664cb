//! What a file is, by its path.

/// A file other than a manifest, in which credentials are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// How an image is built.
    Dockerfile,
    /// Variables, a line each.
    Env,
    /// Configuration of a program.
    Config,
    /// Source text.
    Code,
    /// A script of a shell, whose words need no quotation marks.
    Script,
    /// A file that is made to hold a credential.
    Key,
}

/// Files that are made to hold a credential.
const KEYS: &[&str] = &[
    ".dockercfg",
    ".dockerconfigjson",
    ".git-credentials",
    ".htpasswd",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    "_netrc",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    "id_rsa",
    "kubeconfig",
];

/// Ends of paths of such files.
const KEY_PATHS: &[&str] = &[
    ".aws/config",
    ".aws/credentials",
    ".azure/accesstokens.json",
    ".azure/azureprofile.json",
    ".azure/msal_token_cache.json",
    ".azure/service_principal_entries.json",
    ".cargo/credentials.toml",
    ".config/gcloud/application_default_credentials.json",
    ".config/gh/hosts.yml",
    ".docker/config.json",
    ".kube/config",
    ".terraform.d/credentials.tfrc.json",
    "etc/shadow",
];

const KEY_ENDS: &[&str] = &["asc", "kdbx", "key", "kubeconfig", "pem", "ppk"];

const CONFIG_ENDS: &[&str] = &[
    "cfg",
    "cnf",
    "conf",
    "config",
    "ini",
    "json",
    "properties",
    "toml",
    "yaml",
    "yml",
];

const CODE_ENDS: &[&str] = &[
    "bicep", "c", "cc", "cjs", "clj", "cpp", "cs", "cshtml", "csx", "cts", "cxx", "dart", "erl",
    "ex", "exs", "fs", "go", "gradle", "groovy", "h", "hcl", "hpp", "hs", "java", "jl", "js",
    "jsx", "kt", "kts", "lua", "m", "mjs", "mm", "mts", "php", "pl", "pm", "py", "pyw", "r",
    "razor", "rb", "rs", "scala", "sql", "svelte", "swift", "tf", "tfvars", "ts", "tsx", "vb",
    "vue",
];

const SCRIPT_ENDS: &[&str] = &[
    "bash", "bat", "cmd", "fish", "ksh", "ps1", "psm1", "sh", "zsh",
];

/// Files that programs write, full of hashes.
const LOCKS: &[&str] = &[
    "bun.lockb",
    "go.sum",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "packages.lock.json",
    "pnpm-lock.yaml",
    "project.assets.json",
    "yarn.lock",
];

/// What a file is by its path; none where credentials are not looked for in such files, as in
/// pictures and lock files. YAML
/// and JSON without Kubernetes objects is configuration.
#[must_use]
pub fn file_kind(path: &str) -> Option<FileKind> {
    let path = path.to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or(&path);
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    let is_min = [".min.", "-min."].iter().any(|part| name.contains(part));
    if is_lock(name) || is_min || is_fetched(&path) {
        return None;
    }
    let is_at = |place: &&str| {
        path.strip_suffix(*place)
            .is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    if KEYS.contains(&name) || KEY_ENDS.contains(&end) || KEY_PATHS.iter().any(is_at) {
        return Some(FileKind::Key);
    }
    if ["dockerfile", "containerfile"].iter().any(|known| {
        name == *known
            || end == *known
            || name
                .strip_prefix(known)
                .is_some_and(|rest| rest.starts_with('.'))
    }) {
        return Some(FileKind::Dockerfile);
    }
    if name == ".envrc" || end == "env" || name.starts_with(".env.") {
        return Some(FileKind::Env);
    }
    if CODE_ENDS.contains(&end) {
        return Some(FileKind::Code);
    }
    if SCRIPT_ENDS.contains(&end) {
        return Some(FileKind::Script);
    }
    let is_config = CONFIG_ENDS.contains(&end) || name == "settings.xml";
    is_config.then_some(FileKind::Config)
}

fn is_lock(name: &str) -> bool {
    LOCKS.contains(&name)
        || name.ends_with(".lock")
        || name.ends_with(".lock.hcl")
        || name.ends_with("lock.json")
}

/// Whether others wrote the file, and a program fetched it.
fn is_fetched(path: &str) -> bool {
    path.split('/').any(|folder| {
        matches!(
            folder,
            "node_modules" | ".venv" | "site-packages" | "__pycache__" | ".terraform"
        )
    })
}

/// Whether a file shows what another is to look like: `.env.example`, `settings.sample.json`.
pub(super) fn is_sample(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    name.split(['.', '-', '_'])
        .any(|part| matches!(part, "dist" | "example" | "sample" | "template" | "tmpl"))
}

/// Whether a file belongs to tests, whose passwords open nothing.
pub(super) fn is_test(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let is_word = |word: &str| {
        matches!(
            word,
            "fixtures"
                | "mock"
                | "mocks"
                | "spec"
                | "specs"
                | "test"
                | "testdata"
                | "testing"
                | "tests"
                | "__tests__"
        )
    };
    folders.split('/').any(is_word) || name.split(['.', '_', '-']).any(is_word) || {
        let stem = name.split('.').next().unwrap_or(name);
        stem.len() > 5 && (stem.ends_with("test") || stem.ends_with("tests"))
    }
}

/// Whether a path that an image is built from is a file that holds a key or a password, and whether
/// that is sure. Certificates have the same endings as keys.
pub(super) fn is_key_file(path: &str) -> Option<bool> {
    let path = path.trim_end_matches('/').to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or(&path);
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    let public = name.split(['.', '-', '_']).any(|word| {
        matches!(
            word,
            "bundle"
                | "ca"
                | "cacert"
                | "cert"
                | "certs"
                | "chain"
                | "crt"
                | "fullchain"
                | "pub"
                | "public"
                | "root"
        )
    });
    if is_sample(&path) || end == "pub" {
        None
    } else if matches!(end, "p12" | "pfx" | "ppk" | "kdbx" | "kubeconfig")
        || (end == "key" && !public)
        || KEY_PATHS.iter().any(|place| path.ends_with(place))
        || matches!(name, ".aws" | ".ssh" | ".kube")
        || (name.starts_with("id_") && KEYS.contains(&name))
    {
        Some(true)
    } else if KEYS.contains(&name) || name == ".env" || name.starts_with(".env.") {
        Some(name == "kubeconfig" || name == ".git-credentials")
    } else if matches!(end, "jks" | "keystore") || (end == "pem" && !public) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_paths() {
        for (path, wanted) in [
            ("Dockerfile", Some(FileKind::Dockerfile)),
            ("build/Containerfile", Some(FileKind::Dockerfile)),
            ("web.Dockerfile", Some(FileKind::Dockerfile)),
            ("Dockerfile.dev", Some(FileKind::Dockerfile)),
            (".env", Some(FileKind::Env)),
            (".env.local", Some(FileKind::Env)),
            ("prod.env", Some(FileKind::Env)),
            ("appsettings.Production.json", Some(FileKind::Config)),
            (
                "src/main/resources/application-prod.yml",
                Some(FileKind::Config),
            ),
            ("application.properties", Some(FileKind::Config)),
            ("Web.config", Some(FileKind::Config)),
            ("settings.xml", Some(FileKind::Config)),
            ("settings.py", Some(FileKind::Code)),
            ("run.sh", Some(FileKind::Script)),
            ("/root/.ssh/id_rsa", Some(FileKind::Key)),
            ("root/.docker/config.json", Some(FileKind::Key)),
            (".kube/config", Some(FileKind::Key)),
            ("tls.key", Some(FileKind::Key)),
            ("a.yaml", Some(FileKind::Config)),
            ("pnpm-lock.yaml", None),
            ("Cargo.lock", None),
            ("package-lock.json", None),
            ("app.min.js", None),
            ("node_modules/a/index.js", None),
            ("logo.png", None),
            ("README.md", None),
        ] {
            assert_eq!(file_kind(path), wanted, "{path}");
        }
    }

    #[test]
    fn certificates_and_samples_are_no_keys() {
        for path in [
            "id_rsa",
            ".ssh/",
            "tls.key",
            "a.pfx",
            "kubeconfig",
            "./.aws/credentials",
            ".kube/config",
        ] {
            assert_eq!(is_key_file(path), Some(true), "{path}");
        }
        for path in [".env", ".npmrc", "server.pem", "store.jks"] {
            assert_eq!(is_key_file(path), Some(false), "{path}");
        }
        for path in [
            "id_rsa.pub",
            "ca.pem",
            "rds-ca-bundle.pem",
            "cert.pem",
            ".env.example",
            "app",
            "keys",
            "public.key",
        ] {
            assert_eq!(is_key_file(path), None, "{path}");
        }
    }
}
