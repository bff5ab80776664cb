//! What commands read: which files, how much of them, and in whose words they are refused.

mod child;
mod code;
mod glob;
mod ignore;
mod kustomization;
mod pattern;
mod read;
mod real;
mod render;
mod templates;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use podward_manifest::{ParseError, Source};
use podward_policy::{Finding, credentials_of_file};

use crate::image;
use crate::io::Io;
use crate::report::Report;
use crate::standard::Held;
pub(crate) use code::text as as_text;
pub(crate) use pattern::Pattern;
use read::{MAX_FILE, Refused};
use render::Makers;
pub(crate) use render::{RENDERED, Rendering};
use templates::Templates;
pub(crate) use walk::manifests;
use walk::{Entry, Walk, is_manifest};

/// What stands before the path of an object of a cluster, which has no lines anywhere else.
pub(crate) const LIVE: &str = "cluster:";

/// Deepest folder below a given one.
const MAX_DEPTH: usize = 64;

/// Which files are read.
#[derive(clap::Args)]
pub(crate) struct Inputs {
    /// Read what .gitignore, .git/info/exclude and .podwardignore leave out, too
    #[arg(long, env = "PODWARD_NO_IGNORE")]
    no_ignore: bool,
    #[arg(skip)]
    templates: Arc<Templates>,
}

/// What is read besides manifests.
#[derive(clap::Args, Default)]
pub(crate) struct Beyond {
    /// Look for credentials in Dockerfiles, .env files, configuration, source files and key files, too
    #[arg(long, env = "PODWARD_CODE")]
    code: bool,
    /// Render Helm charts and kustomizations however many there are; without it, up to 16
    #[arg(long, env = "PODWARD_RENDER")]
    render: bool,
    /// Judge Helm charts and kustomizations by their files alone, not as helm and kubectl render them
    #[arg(long, env = "PODWARD_NO_RENDER", conflicts_with = "render")]
    no_render: bool,
    /// Look for credentials in an image that docker save or an OCI tool wrote to a file or folder, and tell its user
    #[arg(long, value_name = "FILE")]
    image: Vec<PathBuf>,
}

/// A file that is to be judged.
pub(crate) struct File {
    content: Content,
    /// As messages name it.
    pub(crate) shown: String,
    /// Path below the folder that was given; of a file that was given, as it was given.
    pub(crate) relative: String,
    /// Whether a kustomization has it as a patch.
    pub(crate) is_patch: bool,
    /// What it is held to by the place it has in a cluster.
    pub(crate) held: Option<Held>,
    /// Whether credentials are looked for in what is no manifest.
    code: bool,
    templates: Arc<Templates>,
    /// The bytes of what can be read only once.
    bytes: Mutex<Option<Vec<u8>>>,
}

/// Where a text comes from.
enum Content {
    Stdin,
    /// A path that a person gave, which may lead to a pipe.
    Given(PathBuf),
    /// A path that was found in a folder.
    Found(PathBuf),
    /// The same of what is no manifest.
    Code(PathBuf),
    /// What a program made of a chart or a kustomization.
    Rendered(String),
    /// An object of a cluster, as a manifest.
    Live(String),
    /// What stands in an image.
    InImage(image::Told),
}

impl Inputs {
    /// The files of all paths, those of a folder sorted, and what could not be looked into.
    pub(crate) fn find(
        &self,
        io: &Io,
        paths: &[PathBuf],
        beyond: &Beyond,
        rendering: Rendering,
    ) -> (Vec<File>, Vec<Report>) {
        let (mut files, mut errors) = (Vec::new(), Vec::new());
        let mut makers = Makers::default();
        let code = beyond.code;
        let here = [PathBuf::from(".")];
        let paths = if paths.is_empty() && beyond.image.is_empty() {
            &here
        } else {
            paths
        };
        for path in paths {
            if path.as_os_str() == "-" {
                files.push(self.file(Content::Stdin, "-".to_owned(), "-".to_owned(), code));
            } else if path.symlink_metadata().is_ok() {
                self.add(path, code, &mut files, &mut makers, &mut errors);
            } else if glob::is_pattern(path) {
                for path in glob::expand(path, !self.no_ignore, code, &mut errors) {
                    self.add(&path, code, &mut files, &mut makers, &mut errors);
                }
            } else {
                errors.push(Report::new(Refused::Missing).at(&shown(path), None));
            }
        }
        if rendering != Rendering::Left {
            real::once(&mut files);
        }
        real::mark(&mut files, &makers.patches());
        match rendering {
            Rendering::Judged if !beyond.no_render => {
                let (texts, charts) = makers.render(io, beyond.render, &mut errors);
                self.templates.rendered(charts);
                for (shown, text) in texts {
                    let relative = shown.clone();
                    files.push(self.file(Content::Rendered(text), shown, relative, code));
                }
            }
            Rendering::NotMended => makers.tell_unmended(io),
            Rendering::Judged | Rendering::Left => {}
        }
        for path in &beyond.image {
            let (told, mut failed) = image::read(path, &shown(path));
            errors.append(&mut failed);
            for told in told {
                let shown = told.path.clone();
                let relative = shown.clone();
                files.push(self.file(Content::InImage(told), shown, relative, true));
            }
        }
        (files, errors)
    }

    /// Adds a file, or those of a folder.
    fn add(
        &self,
        path: &Path,
        code: bool,
        files: &mut Vec<File>,
        makers: &mut Makers,
        errors: &mut Vec<Report>,
    ) {
        if !path.exists() {
            // a link that leads nowhere
            errors.push(Report::new(Refused::Missing).at(&shown(path), None));
            return;
        }
        if !path.is_dir() {
            makers.see_near(path);
            let relative = path.to_string_lossy().into_owned();
            let content = if code && !is_manifest(path) && code::is_code(path) {
                Content::Code(path.to_path_buf())
            } else {
                Content::Given(path.to_path_buf())
            };
            files.push(self.file(content, shown(path), relative, code));
            return;
        }
        let mut found = Vec::new();
        let mut walk = Walk {
            deepest: MAX_DEPTH,
            ignore: !self.no_ignore,
            visit: |entry: &Entry<'_>| {
                let is_wanted = is_manifest(entry.path) || (code && code::is_code(entry.path));
                if !entry.is_folder {
                    makers.see(entry.path);
                }
                if !entry.is_folder && is_wanted {
                    found.push(entry.path.to_path_buf());
                }
                true
            },
            errors: Vec::new(),
        };
        walk.go(path);
        errors.append(&mut walk.errors);
        found.sort();
        for file in found {
            let relative = file.strip_prefix(path).unwrap_or(&file);
            let relative = relative.to_string_lossy().into_owned();
            let shown = shown(&file);
            let content = if is_manifest(&file) {
                Content::Found(file)
            } else {
                Content::Code(file)
            };
            files.push(self.file(content, shown, relative, code));
        }
    }

    fn file(&self, content: Content, shown: String, relative: String, code: bool) -> File {
        File {
            content,
            shown,
            relative,
            is_patch: false,
            held: None,
            code,
            templates: Arc::clone(&self.templates),
            bytes: Mutex::new(None),
        }
    }

    /// Says what was left out, once all is read.
    pub(crate) fn tell(&self, io: &Io) {
        self.templates.tell(io);
    }
}

impl File {
    /// An object of a cluster, by its path there.
    pub(crate) fn live(path: &str, manifest: String, held: Held) -> Self {
        Self {
            content: Content::Live(manifest),
            shown: format!("{LIVE}{path}"),
            relative: path.to_owned(),
            is_patch: false,
            held: Some(held),
            code: false,
            templates: Arc::default(),
            bytes: Mutex::new(None),
        }
    }

    /// Where it is; `None` is standard input, and what is no file.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.content {
            Content::Stdin | Content::Rendered(_) | Content::Live(_) | Content::InImage(_) => None,
            Content::Given(path) | Content::Found(path) | Content::Code(path) => Some(path),
        }
    }

    /// What can be read only once, and is asked for by several.
    fn once(&self, read: impl FnOnce() -> Result<Vec<u8>, Refused>) -> Result<Vec<u8>, Refused> {
        let mut held = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            *held = Some(read()?);
        }
        Ok(held.clone().unwrap_or_default())
    }

    /// The whole text; none where it is a template of a chart, which is text that makes manifests,
    /// and where code is asked for and this is none.
    pub(crate) fn read(&self) -> Result<Option<Source>, Report> {
        let bytes = match &self.content {
            Content::Stdin => self.once(|| read::bytes(std::io::stdin(), MAX_FILE, 0)),
            Content::Given(path) if path.is_file() => read::bytes_of_given(path, MAX_FILE),
            Content::Given(path) => self.once(|| read::bytes_of_given(path, MAX_FILE)),
            Content::Found(path) => read::bytes_of_file(path, MAX_FILE, true),
            Content::Code(path) => return code::read(path, &self.shown),
            Content::Rendered(text)
            | Content::Live(text)
            | Content::InImage(image::Told { text, .. }) => {
                return Ok(Some(Source {
                    path: self.shown.clone(),
                    text: text.clone(),
                }));
            }
        };
        let bytes = bytes.map_err(|refused| Report::new(refused).at(&self.shown, None))?;
        let text = read::text(bytes, &self.shown)?;
        if self
            .path()
            .is_some_and(|path| self.templates.is_one(path, &text))
        {
            return Ok(None);
        }
        Ok(Some(Source {
            path: self.shown.clone(),
            text,
        }))
    }

    /// The bytes of standard input, where they are no text that could be mended.
    pub(crate) fn unread(&self) -> Option<Vec<u8>> {
        let is_stdin = matches!(self.content, Content::Stdin);
        let held = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone().filter(|_| is_stdin)
    }

    /// Whether it is no manifest, and read for credentials alone.
    pub(crate) fn is_code(&self) -> bool {
        matches!(self.content, Content::Code(_) | Content::InImage(_))
    }

    /// The credentials of a text that holds no object, where they are asked for.
    pub(crate) fn credentials(&self, source: &Source) -> Vec<Finding> {
        if let Content::InImage(told) = &self.content {
            return told.findings.clone();
        }
        let is_read = self.code && code::is_code(Path::new(&source.path));
        let found = is_read.then(|| credentials_of_file(&source.path, &source.text));
        found.unwrap_or_default()
    }

    /// Takes out the errors of documents that hold `{{`: they are templates, and counted as such.
    pub(crate) fn forgive(&self, source: &Source, errors: &mut Vec<ParseError>) {
        self.templates.forgive(source, errors);
    }

    /// Whether a text that is no YAML is a template, and counted as such.
    pub(crate) fn is_template(&self, source: &Source) -> bool {
        self.templates.is_unread(source)
    }
}

/// The text of a file that was found in a folder.
pub(crate) fn text(path: &Path, shown: &str) -> Result<String, Report> {
    let bytes = read::bytes_of_file(path, MAX_FILE, true)
        .map_err(|refused| Report::new(refused).at(shown, None))?;
    read::text(bytes, shown)
}

/// A path without the `./` that a walk of `.` puts before it.
fn shown(path: &Path) -> String {
    let path = path.strip_prefix(".").unwrap_or(path);
    path.to_string_lossy().into_owned()
}
