//! Images without a container engine: archives as `docker save` writes them, each of one layer, once for each content.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::build::{digest, sha256};
use super::layout::{Layout, at, text};
use super::packages::Packages;
use crate::shell::{cargo, output, program, run, target};

/// Whom podward's image runs as unless the pod says otherwise: nobody.
const USER: &str = "65532:65532";

/// An image to be.
struct Image {
    name: &'static str,
    entrypoint: &'static str,
    user: &'static str,
    /// A file of this machine, and where it is in the image.
    files: Vec<(PathBuf, PathBuf)>,
    /// Links to the entrypoint.
    links: Vec<String>,
}

/// The archives of all images that the node is given.
pub(super) fn all(
    layout: &Layout,
    packages: &Packages,
    kubernetes: &Path,
) -> Result<Vec<PathBuf>, String> {
    run(cargo(&["build", "--quiet", "--package", "podward"]))?;
    let images = [
        Image {
            name: "pause",
            entrypoint: "/pause",
            user: USER,
            files: vec![(kubernetes.join("pause"), "/pause".into())],
            links: Vec::new(),
        },
        busybox(packages.busybox()?)?,
        podward()?,
    ];
    images.iter().map(|image| image.archive(layout)).collect()
}

/// The programs that tests look about with.
fn busybox(program: PathBuf) -> Result<Image, String> {
    let list = output(crate::shell::program(&text(&program), &["--list"]))?;
    let list = String::from_utf8_lossy(&list);
    let links = list.lines().filter(|name| *name != "busybox");
    Ok(Image {
        name: "busybox",
        entrypoint: "/bin/busybox",
        user: "0:0",
        links: links.map(|name| format!("/bin/{name}")).collect(),
        files: vec![(program, "/bin/busybox".into())],
    })
}

/// The binary and the libraries it needs, nothing else. deploy/Containerfile makes the same.
fn podward() -> Result<Image, String> {
    let binary = target().join("debug").join("podward");
    let needed = output(program("ldd", &[&text(&binary)]))?;
    let mut files = libraries(&String::from_utf8_lossy(&needed));
    files.push((binary, "/usr/bin/podward".into()));
    Ok(Image {
        name: "podward",
        entrypoint: "/usr/bin/podward",
        user: USER,
        files,
        links: Vec::new(),
    })
}

/// The files that ldd names: each is looked for at its own place.
fn libraries(ldd: &str) -> Vec<(PathBuf, PathBuf)> {
    let words = ldd.lines().filter_map(|line| {
        let before = line.split(" (").next()?;
        before.split_whitespace().last()
    });
    let paths = words
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from);
    paths.map(|path| (path.clone(), path)).collect()
}

impl Image {
    fn archive(&self, layout: &Layout) -> Result<PathBuf, String> {
        let cache = layout.cache();
        let from: Vec<_> = self.files.iter().map(|(from, _)| from.clone()).collect();
        let named = format!("image-{}-{}.tar", self.name, digest(&from)?);
        let archive = cache.join(&named);
        if archive.exists() {
            return Ok(archive);
        }
        let new = cache.join(format!("image-{}.new", self.name));
        if new.exists() {
            fs::remove_dir_all(&new).map_err(at(&new))?;
        }
        let content = new.join("content");
        self.lay_out(&content)?;
        let layer = new.join("layer.tar");
        let mut members = vec![];
        for entry in fs::read_dir(&content).map_err(at(&content))? {
            members.push(text(
                entry.map_err(at(&content))?.file_name().as_ref() as &Path
            ));
        }
        members.sort();
        tar(&layer, &content, &members)?;
        let architecture = output(program("dpkg", &["--print-architecture"]))?;
        let config = json!({
            "architecture": String::from_utf8_lossy(&architecture).trim(), "os": "linux",
            "config": {"Entrypoint": [self.entrypoint], "User": self.user, "Env": ["PATH=/usr/bin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer)?)]},
        });
        let manifest = json!([{
            "Config": "config.json", "Layers": ["layer.tar"],
            "RepoTags": [format!("podward.dev/{}:e2e", self.name)],
        }]);
        for (file, value) in [("config.json", config), ("manifest.json", manifest)] {
            let path = new.join(file);
            fs::write(&path, value.to_string()).map_err(at(&path))?;
        }
        let whole = new.join("whole.tar");
        let members = ["config.json", "layer.tar", "manifest.json"].map(str::to_owned);
        tar(&whole, &new, &members)?;
        fs::rename(&whole, &archive).map_err(at(&archive))?;
        fs::remove_dir_all(&new).map_err(at(&new))?;
        forget(&cache, &format!("image-{}", self.name), &named)?;
        Ok(archive)
    }

    fn lay_out(&self, content: &Path) -> Result<(), String> {
        let inside = |path: &Path| content.join(path.strip_prefix("/").unwrap_or(path));
        let above = |path: &Path| match path.parent() {
            Some(folder) => fs::create_dir_all(folder).map_err(at(folder)),
            None => Ok(()),
        };
        for (from, to) in &self.files {
            let to = inside(to);
            above(&to)?;
            fs::copy(from, &to).map_err(at(from))?;
        }
        for link in &self.links {
            let link = inside(link.as_ref());
            above(&link)?;
            symlink(self.entrypoint, &link).map_err(at(&link))?;
        }
        Ok(())
    }
}

/// Packs the same bytes for the same content.
fn tar(to: &Path, folder: &Path, members: &[String]) -> Result<(), String> {
    let same = "--sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu";
    let mut tar = program("tar", &same.split(' ').collect::<Vec<_>>());
    tar.arg("-C").arg(folder).arg("-cf").arg(to);
    tar.arg("--").args(members);
    output(tar).map(drop)
}

/// Removes what earlier contents of the same name left in the cache.
pub(super) fn forget(cache: &Path, name: &str, but: &str) -> Result<(), String> {
    for entry in fs::read_dir(cache).map_err(at(cache))? {
        let path = entry.map_err(at(cache))?.path();
        let file = path.file_name().map(|file| text(file.as_ref()));
        let Some(file) = file else { continue };
        if file == but || !file.starts_with(&format!("{name}-")) {
            continue;
        }
        if path.is_dir() {
            fs::remove_dir_all(&path).map_err(at(&path))?;
        } else {
            fs::remove_file(&path).map_err(at(&path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_those_with_a_place() {
        let said = "\tlinux-vdso.so.1 (0x00007fec32749000)\n\
            \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007fec3013e000)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007fec3274b000)\n";
        let places = libraries(said).into_iter().map(|(_, to)| text(&to));
        assert_eq!(
            places.collect::<Vec<_>>(),
            [
                "/lib/x86_64-linux-gnu/libc.so.6",
                "/lib64/ld-linux-x86-64.so.2"
            ]
        );
        assert!(libraries("\tstatically linked\n").is_empty());
    }
}
