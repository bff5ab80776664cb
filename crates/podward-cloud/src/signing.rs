//! The keys that tokens are signed with: one that signs, and those before it, which are published while their tokens
//! live.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use podward_api::SecretString;
use serde_json::{Value, json};

use crate::keys::{KeysError, Signer, write};

/// File of the key that signs, without its ending.
const NAME: &str = "token-signing";
/// File of the number that the key was asked for by.
const GENERATION: &str = "token-signing.generation";
/// How long a key is published after it has signed its last token, seconds: as long as the longest token lives, and
/// what clocks may differ by.
const AFTERGLOW: i64 = 86_399 + 600;
/// Most keys that are published: who lets them roll over every second shall not fill the memory.
const MOST: usize = 100;

/// A key that signs no more.
struct Retired {
    signer: Arc<Signer>,
    /// Unix seconds at which its last token has ended.
    until: i64,
    file: Option<PathBuf>,
}

struct Ring {
    signer: Arc<Signer>,
    /// Unix seconds at which it was made.
    since: i64,
    /// `None` for a key that is made for whatever number comes first.
    generation: Option<u64>,
    retired: Vec<Retired>,
}

/// The keys.
pub(crate) struct Signing {
    folder: Option<PathBuf>,
    ring: RwLock<Ring>,
}

fn real_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

impl Signing {
    /// The keys of a folder; one is made where there is none.
    pub(crate) fn load(folder: Option<&Path>) -> Result<Self, KeysError> {
        let file = folder.map(|folder| folder.join(format!("{NAME}.key")));
        let changed = file
            .as_ref()
            .and_then(|file| fs::metadata(file).ok()?.modified().ok());
        let age = changed.and_then(|at: SystemTime| SystemTime::now().duration_since(at).ok());
        let age = age.map_or(0, |age| i64::try_from(age.as_secs()).unwrap_or(0));
        // absent until the first number
        let generation = folder.and_then(|folder| fs::read_to_string(folder.join(GENERATION)).ok());
        let generation = generation.and_then(|text| text.parse().ok()).unwrap_or(0);
        let ring = Ring {
            signer: Arc::new(Signer::load(folder, NAME)?),
            since: real_now() - age,
            generation: changed.map(|_| generation),
            retired: folder.map(retired).transpose()?.unwrap_or_default(),
        };
        Ok(Self {
            folder: folder.map(Path::to_owned),
            ring: RwLock::new(ring),
        })
    }

    /// The public keys (RFC 7517), the one that signs first.
    pub(crate) fn published(&self, now: i64) -> Value {
        let signers = {
            let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
            let before = ring.retired.iter().filter(|one| one.until > now);
            let before = before.map(|one| Arc::clone(&one.signer));
            std::iter::once(Arc::clone(&ring.signer))
                .chain(before)
                .collect::<Vec<_>>()
        };
        json!({"keys": signers.iter().map(|one| one.jwk()).collect::<Vec<_>>()})
    }

    /// Signs claims; with a new key where the last one has signed for `lifetime` seconds.
    pub(crate) fn sign(
        &self,
        claims: &Value,
        now: i64,
        lifetime: Option<u32>,
    ) -> Result<SecretString, KeysError> {
        let is_due = |ring: &Ring| {
            lifetime.is_some_and(|lifetime| now.saturating_sub(ring.since) >= i64::from(lifetime))
        };
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let (due, signer) = (is_due(&ring), Arc::clone(&ring.signer));
        drop(ring);
        if !due {
            return signer.sign(claims);
        }
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        // another request may have been first
        if is_due(&ring) {
            self.roll(&mut ring, now)?;
        }
        let signer = Arc::clone(&ring.signer);
        drop(ring);
        signer.sign(claims)
    }

    /// Takes a new key where the number is another than that of the last key.
    pub(crate) fn follow(&self, generation: u64, now: i64) -> Result<(), KeysError> {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let before = ring.generation;
        if before.is_some_and(|before| before != generation) {
            self.roll(&mut ring, now)?;
        }
        ring.generation = Some(generation);
        if before.unwrap_or(0) == generation {
            return Ok(());
        }
        match &self.folder {
            Some(folder) => write(folder, GENERATION, generation.to_string().as_bytes()),
            None => Ok(()),
        }
    }

    fn roll(&self, ring: &mut Ring, now: i64) -> Result<(), KeysError> {
        // it may be in the making, and its file not written yet
        ring.signer.ready()?;
        let until = now.saturating_add(AFTERGLOW);
        let mut file = None;
        if let Some(folder) = &self.folder {
            let from = folder.join(format!("{NAME}.key"));
            let kid = ring.signer.kid();
            let to = folder.join(format!("{NAME}-{until}-{kid}.key"));
            fs::rename(&from, &to).map_err(|source| KeysError::File { path: from, source })?;
            file = Some(to);
        }
        let next = Arc::new(Signer::load(self.folder.as_deref(), NAME)?);
        let last = std::mem::replace(&mut ring.signer, next);
        ring.since = now;
        let signer = last;
        let retired = &mut ring.retired;
        retired.insert(
            0,
            Retired {
                signer,
                until,
                file,
            },
        );
        let beyond = retired.split_off(MOST.min(retired.len()));
        let ended = retired.extract_if(.., |one| one.until <= now);
        for one in ended.chain(beyond) {
            if let Some(file) = one.file {
                // a file that stays is looked at again at the next start
                let _ = fs::remove_file(file);
            }
        }
        Ok(())
    }
}

/// The keys of a folder that sign no more, the last one first.
fn retired(folder: &Path) -> Result<Vec<Retired>, KeysError> {
    let mut all = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(all),
        Err(source) => {
            let path = folder.to_owned();
            return Err(KeysError::File { path, source });
        }
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let found = || {
            let rest = name.strip_prefix(NAME)?.strip_prefix('-')?;
            let (until, _kid) = rest.strip_suffix(".key")?.split_once('-')?;
            until.parse::<i64>().ok()
        };
        let Some(until) = found() else { continue };
        if until <= real_now() {
            // a file that stays is looked at again at the next start
            let _ = fs::remove_file(entry.path());
            continue;
        }
        let name = name.strip_suffix(".key").unwrap_or(&name);
        all.push(Retired {
            signer: Arc::new(Signer::load(Some(folder), name)?),
            until,
            file: Some(entry.path()),
        });
    }
    all.sort_by_key(|one| std::cmp::Reverse(one.until));
    all.truncate(MOST);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assertion::Assertion;

    fn kids(signing: &Signing, now: i64) -> Vec<String> {
        let keys = signing.published(now);
        let keys = keys["keys"].as_array().unwrap().iter();
        keys.map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn the_last_key_is_published_while_its_tokens_live_and_after_a_start_too() {
        let folder = std::env::temp_dir().join(format!("podward-signing-{}", std::process::id()));
        let signing = Signing::load(Some(&folder)).unwrap();
        let now = real_now();
        let claims = json!({"iss": "i", "sub": "s", "exp": now + 10});
        let before = signing.sign(&claims, now, None).unwrap();
        // the first number is that of the first key
        signing.follow(3, now).unwrap();
        assert_eq!(kids(&signing, now).len(), 1);
        signing.follow(7, now).unwrap();
        signing.follow(7, now + 1).unwrap();
        let after = signing.sign(&claims, now, None).unwrap();
        let [new, old] = kids(&signing, now).try_into().unwrap();
        let published = signing.published(now);
        for token in [&before, &after] {
            let token = Assertion::parse(token.expose()).unwrap();
            assert!(token.is_signed_by(&published));
        }
        let again = Signing::load(Some(&folder)).unwrap();
        again.follow(7, now).unwrap();
        assert_eq!(kids(&again, now), [new.clone(), old.clone()]);
        assert_eq!(kids(&again, now + AFTERGLOW), std::slice::from_ref(&new));
        // one more, and what has ended is gone
        again.follow(8, now + AFTERGLOW).unwrap();
        let [newest, last] = kids(&again, now + AFTERGLOW).try_into().unwrap();
        assert_eq!(last, new);
        assert!(newest != new && newest != old);
        let files = fs::read_dir(&folder).unwrap().count();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(files, 3);
    }

    #[test]
    fn a_key_signs_no_longer_than_it_may() {
        let signing = Signing::load(None).unwrap();
        let now = real_now();
        let first = kids(&signing, now);
        signing.sign(&json!({}), now + 99, Some(100)).unwrap();
        assert_eq!(kids(&signing, now), first);
        signing.sign(&json!({}), now + 101, Some(100)).unwrap();
        signing.sign(&json!({}), now + 200, Some(100)).unwrap();
        let all = kids(&signing, now + 200);
        assert_eq!((all.len(), &all[1]), (2, &first[0]));
    }
}
