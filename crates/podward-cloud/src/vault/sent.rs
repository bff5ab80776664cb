//! What a client may say of a version: its attributes and its tags.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fault::Fault;
use super::shelf::{Attributes, Tags};
use crate::config;

/// Most tags of a version.
const MAX_TAGS: usize = 15;
/// Longest name or value of a tag, characters.
const MAX_TAG: usize = 256;
/// The last second of the year 9999.
const LAST: i64 = 253_402_300_799;

/// What a client may say of a version.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    attributes: Option<SentAttributes>,
    tags: Option<BTreeMap<String, Option<String>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentAttributes {
    enabled: Option<bool>,
    nbf: Option<i64>,
    exp: Option<i64>,
}

impl Sent {
    /// What cloud.yaml says; `None` where it says nothing.
    pub(super) fn configured(
        attributes: &config::Attributes,
        tags: &BTreeMap<String, String>,
    ) -> Option<Self> {
        if *attributes == config::Attributes::default() && tags.is_empty() {
            return None;
        }
        let tags = tags.iter();
        let tags: BTreeMap<_, _> = tags
            .map(|(name, value)| (name.clone(), Some(value.clone())))
            .collect();
        Some(Self {
            attributes: Some(SentAttributes {
                enabled: attributes.enabled,
                nbf: attributes.nbf,
                exp: attributes.exp,
            }),
            tags: (!tags.is_empty()).then_some(tags),
        })
    }

    fn check(&self) -> Result<(), Fault> {
        let tags = self.tags.iter().flatten();
        let long = |text: &str| text.chars().count() > MAX_TAG;
        let wrong = |(name, value): (&String, &Option<String>)| {
            long(name) || long(value.as_deref().unwrap_or_default())
        };
        if tags.clone().count() > MAX_TAGS || tags.clone().any(wrong) {
            return Err(Fault::bad(format!(
                "There are at most {MAX_TAGS} tags, whose names and values have at most {MAX_TAG} characters"
            )));
        }
        let sent = self.attributes.as_ref();
        let times = sent.map(|sent| [("nbf", sent.nbf), ("exp", sent.exp)]);
        for (name, time) in times.into_iter().flatten() {
            if time.is_some_and(|time| !(0..=LAST).contains(&time)) {
                return Err(Fault::bad(format!(
                    "The attribute '{name}' must be a time from 1970 to 9999, in seconds since 1970"
                )));
            }
        }
        Ok(())
    }

    /// Without times: those of a certificate stand in it.
    pub(super) fn without_times(mut self) -> Self {
        if let Some(sent) = &mut self.attributes {
            (sent.nbf, sent.exp) = (None, None);
        }
        self
    }

    /// Attributes and tags of a new version.
    pub(super) fn made(self, now: i64) -> Result<(Attributes, Option<Tags>), Fault> {
        let (mut attributes, mut tags) = (Attributes::new(now), None);
        self.apply(&mut attributes, &mut tags, now)?;
        Ok((attributes, tags))
    }

    /// Changes what is named and leaves the rest.
    pub(super) fn apply(
        self,
        attributes: &mut Attributes,
        tags: &mut Option<Tags>,
        now: i64,
    ) -> Result<(), Fault> {
        self.check()?;
        let sent = self.attributes.unwrap_or_default();
        let (nbf, exp) = (sent.nbf.or(attributes.nbf), sent.exp.or(attributes.exp));
        if let (Some(nbf), Some(exp)) = (nbf, exp)
            && exp <= nbf
        {
            return Err(Fault::bad("The attribute 'exp' must be later than 'nbf'"));
        }
        (attributes.nbf, attributes.exp) = (nbf, exp);
        attributes.enabled = sent.enabled.unwrap_or(attributes.enabled);
        attributes.updated = now;
        let named = self.tags.map(|tags| {
            let tags = tags.into_iter();
            tags.map(|(name, value)| (name, value.unwrap_or_default()))
                .collect()
        });
        *tags = named.or(tags.take());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_of_this_era() {
        let made = |attributes: serde_json::Value| {
            let sent: Sent = serde_json::from_value(json!({"attributes": attributes})).unwrap();
            sent.made(1)
        };
        assert!(made(json!({"nbf": 0, "exp": LAST})).is_ok());
        for wrong in [
            json!({"exp": LAST + 1}),
            json!({"nbf": -1}),
            json!({"nbf": 5, "exp": 5}),
        ] {
            assert_eq!(made(wrong).err().map(|fault| fault.status), Some(400));
        }
    }

    #[test]
    fn a_tag_may_be_without_a_value() {
        let sent: Sent = serde_json::from_value(json!({"tags": {"a": null, "b": "c"}})).unwrap();
        let (_, tags) = sent.made(1).unwrap();
        let tags = tags.unwrap();
        assert_eq!((tags["a"].as_str(), tags["b"].as_str()), ("", "c"));
    }
}
