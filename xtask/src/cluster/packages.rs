//! Programs of the node that the distribution has. They are unpacked beside each other and not installed: no service
//! starts, and nothing of the machine changes.

use std::fs;
use std::path::{Path, PathBuf};

use super::layout::{Layout, at, text};
use super::namespaces::Variable;
use crate::shell::{output, program, say};
use crate::test::in_path_as;

const PACKAGES: [&str; 13] = [
    "busybox-static",
    "containerd",
    "containernetworking-plugins",
    "iptables",
    "libip4tc2",
    "libip6tc2",
    "libmnl0",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
    "libnftnl11",
    "libseccomp2",
    "libxtables12",
    "runc",
];

/// What every system has, and the cluster is made with.
const PROGRAMS: [(&str, &str); 7] = [
    ("ip", "iproute2"),
    ("mount", "mount"),
    ("nsenter", "util-linux"),
    ("openssl", "openssl"),
    ("setsid", "util-linux"),
    ("tar", "tar"),
    ("unshare", "util-linux"),
];

/// The unpacked packages.
pub(super) struct Packages {
    folder: PathBuf,
}

impl Packages {
    /// Fetches them, once.
    pub(super) fn fetch(layout: &Layout) -> Result<Self, String> {
        for (name, package) in PROGRAMS {
            crate::test::install(package, |_| in_path_as(name)(package))?;
        }
        let folder = layout.cache().join("packages");
        let mark = folder.join("unpacked.txt");
        let wanted = PACKAGES.join("\n");
        let packages = Self { folder };
        if fs::read_to_string(&mark).is_ok_and(|known| known == wanted) {
            return Ok(packages);
        }
        for needed in ["apt-get", "dpkg"] {
            if !in_path_as(needed)("") {
                return Err(format!(
                    "this machine has no {needed}: the cluster takes these packages from Debian or Ubuntu: {}",
                    PACKAGES.join(", ")
                ));
            }
        }
        say("fetching containerd, runc and what else the node needs");
        packages.unpack()?;
        fs::write(&mark, wanted).map_err(at(&mark))?;
        Ok(packages)
    }

    fn unpack(&self) -> Result<(), String> {
        let folder = &self.folder;
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(at(folder))?;
        }
        fs::create_dir_all(folder).map_err(at(folder))?;
        let download = || {
            let mut apt = program("apt-get", &["download", "-q"]);
            apt.args(PACKAGES).current_dir(folder);
            output(apt)
        };
        if download().is_err() {
            // the lists of a fresh machine are empty, those of an old one name what is gone
            output(program("apt-get", &["update", "-q"]))?;
            download()?;
        }
        for entry in fs::read_dir(folder).map_err(at(folder))? {
            let path = entry.map_err(at(folder))?.path();
            if path.extension().is_some_and(|end| end == "deb") {
                output(program("dpkg", &["-x", &text(&path), &text(folder)]))?;
                fs::remove_file(&path).map_err(at(&path))?;
            }
        }
        // installing would have chosen between two
        for name in ["iptables", "iptables-save", "iptables-restore"] {
            let link = folder.join("usr").join("sbin").join(name);
            if link.exists() {
                continue;
            }
            std::os::unix::fs::symlink("xtables-nft-multi", &link).map_err(at(&link))?;
        }
        Ok(())
    }

    /// A file of theirs that must be there: the first of these places.
    pub(super) fn file(&self, places: &[&str]) -> Result<PathBuf, String> {
        let mut files = places.iter().map(|place| self.folder.join(place));
        files.find(|path| path.exists()).ok_or_else(|| {
            format!(
                "{}: none of {} is in there",
                self.folder.display(),
                places.join(", ")
            )
        })
    }

    pub(super) fn busybox(&self) -> Result<PathBuf, String> {
        self.file(&["bin/busybox", "usr/bin/busybox"])
    }

    pub(super) fn runc(&self) -> Result<PathBuf, String> {
        self.file(&["usr/sbin/runc", "usr/bin/runc"])
    }

    pub(super) fn cni(&self) -> Result<PathBuf, String> {
        self.file(&["usr/lib/cni", "opt/cni/bin"])
    }

    /// PATH, and where the libraries are, for what runs inside.
    pub(super) fn environment(&self) -> Result<Vec<Variable>, String> {
        let usr = self.folder.join("usr");
        let mut path = vec![usr.join("sbin"), usr.join("bin")];
        path.extend(["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from));
        let path = std::env::join_paths(path).map_err(|e| format!("{}: {e}", usr.display()))?;
        let libraries = libraries(&usr.join("lib"))?;
        let plugins = libraries.join("xtables");
        Ok(vec![
            ("PATH", path),
            ("LD_LIBRARY_PATH", libraries.into()),
            ("XTABLES_LIBDIR", plugins.into()),
            // /tmp cannot be written to
            ("TMPDIR", "/run".into()),
        ])
    }
}

/// The folder of libraries for this machine's processor: `usr/lib/x86_64-linux-gnu`.
fn libraries(lib: &Path) -> Result<PathBuf, String> {
    let folders = fs::read_dir(lib).map_err(at(lib))?;
    let mut paths = folders.filter_map(|entry| entry.ok().map(|e| e.path()));
    paths
        .find(|path| path.join("xtables").exists())
        .ok_or_else(|| format!("{}: there are no libraries", lib.display()))
}
