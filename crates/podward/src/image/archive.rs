//! An image as it lies on the disk: a tar archive, of which nothing is unpacked, or a folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::tar::{Kind, Tar};

/// Most files of an archive, not of its layers.
const MAX_FILES: usize = 100_000;
/// Most links that are followed one after the other.
const MAX_LINKS: usize = 8;

/// Where the files of an image are.
pub(super) enum Archive {
    Folder(PathBuf),
    Tar(PathBuf, BTreeMap<String, Place>),
}

/// What a name stands for.
pub(super) enum Place {
    /// Where it begins and how long it is, bytes.
    At(u64, u64),
    Link(String),
}

fn other(message: &str) -> io::Error {
    io::Error::other(message)
}

impl Archive {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let about = path.metadata()?;
        if about.is_dir() {
            return Ok(Self::Folder(path.to_path_buf()));
        }
        if !about.is_file() {
            return Err(other(
                "an image is read from a file or a folder: save it to one first",
            ));
        }
        let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
        let mut start = [0; 4];
        let read = file.read(&mut start)?;
        if start.starts_with(&[0x1f, 0x8b]) || start == super::zstd::MAGIC {
            return Err(other(
                "the archive is compressed: decompress it first, as with gunzip -k",
            ));
        }
        if read == 0 {
            return Err(other("the file is empty"));
        }
        file.seek(SeekFrom::Start(0))?;
        let mut tar = Tar::new(file);
        let mut files = BTreeMap::new();
        while let Some(entry) = tar.next()? {
            let place = match entry.kind {
                Kind::File => Place::At(entry.at, entry.size),
                Kind::Link(to) => Place::Link(beside(&entry.path, &to)),
                Kind::Other => continue,
            };
            files.insert(entry.path, place);
            if files.len() > MAX_FILES {
                return Err(other("there are more than 100000 files in the archive"));
            }
        }
        Ok(Self::Tar(path.to_path_buf(), files))
    }

    /// The content of a file; none where there is no such file.
    pub(super) fn file(&self, name: &str) -> io::Result<Option<Box<dyn Read>>> {
        match self {
            Self::Folder(folder) => {
                let is_below = name.split('/').all(|part| !part.is_empty() && part != "..");
                let path = folder.join(name);
                if !is_below || !path.is_file() {
                    return Ok(None);
                }
                Ok(Some(Box::new(BufReader::with_capacity(
                    1 << 16,
                    File::open(path)?,
                ))))
            }
            Self::Tar(path, files) => {
                let mut name = name;
                for _ in 0..MAX_LINKS {
                    match files.get(name) {
                        None => return Ok(None),
                        Some(Place::Link(to)) => name = to,
                        Some(Place::At(at, size)) => {
                            let mut file = File::open(path)?;
                            file.seek(SeekFrom::Start(*at))?;
                            let file = BufReader::with_capacity(1 << 16, file.take(*size));
                            return Ok(Some(Box::new(file)));
                        }
                    }
                }
                Ok(None)
            }
        }
    }
}

/// Where a link leads that stands beside a file: older programs save a layer once, and link to it.
fn beside(file: &str, to: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    #[test]
    fn links_lead_from_where_they_stand() {
        assert_eq!(
            super::beside("b/layer.tar", "../a/layer.tar"),
            "a/layer.tar"
        );
        assert_eq!(super::beside("layer.tar", "../../x"), "x");
    }
}
