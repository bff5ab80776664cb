//! Tokens whose signature was verified: the next request with the same token is spared it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use crate::assertion::Claims;

/// Most tokens that are remembered; a token lives for a day at most, and an identity asks for few.
const MOST: usize = 4096;

/// What a token of the token service says.
pub(crate) struct Token {
    pub(crate) claims: Claims,
    /// The application it was given to: `appid`.
    pub(crate) client: String,
}

/// The tokens that were verified, by their digest: the tokens themselves are not kept.
#[derive(Default)]
pub(crate) struct Known(Mutex<HashMap<Digest, Arc<Token>>>);

type Digest = [u8; 32];

impl Known {
    /// What a token says, if it was verified before or is now. Its times are for the caller to
    /// judge, each time anew.
    pub(crate) fn token(
        &self,
        text: &str,
        now: i64,
        verify: impl FnOnce() -> Option<Token>,
    ) -> Option<Arc<Token>> {
        let name = Digest::try_from(digest(&SHA256, text.as_bytes()).as_ref()).ok()?;
        if let Some(token) = self.all().get(&name) {
            return Some(Arc::clone(token));
        }
        let token = Arc::new(verify()?);
        let mut all = self.all();
        if all.len() >= MOST {
            all.retain(|_, token| token.claims.exp > now);
        }
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(name, Arc::clone(&token));
        Some(token)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Digest, Arc<Token>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(exp: i64) -> Token {
        let claims = serde_json::json!({"iss": "i", "sub": "s", "exp": exp});
        Token {
            claims: serde_json::from_value(claims).unwrap(),
            client: "c".into(),
        }
    }

    #[test]
    fn a_token_is_verified_once_and_a_refused_one_each_time() {
        let known = Known::default();
        assert!(known.token("a", 0, || None).is_none());
        assert!(known.token("a", 0, || Some(token(9))).is_some());
        let again = known.token("a", 99, || None);
        assert_eq!(again.map(|token| token.claims.exp), Some(9));
        assert!(known.token("b", 0, || None).is_none());
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for() {
        let known = Known::default();
        for n in 0..=MOST {
            known.token(&n.to_string(), 50, || {
                Some(token(if n < 10 { 1 } else { 99 }))
            });
        }
        assert_eq!(known.all().len(), MOST + 1 - 10);
        for n in 0..10 {
            known.token(&format!("more {n}"), 50, || Some(token(99)));
        }
        assert_eq!(known.all().len(), 1);
    }
}
