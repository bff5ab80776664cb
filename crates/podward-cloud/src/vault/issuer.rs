//! Issuers of certificates, and whom the service would write to: the contacts of a vault.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use podward_api::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::certificate::Certificate;
use super::data::{pack, unpack};
use super::door::{Call, Query};
use super::fault::Fault;
use super::objects::{Object, read};
use super::page::Page;
use super::step::Step;
use super::store::valid_name;

/// The provider that signs at once, with a CA of the cloud's own.
const OWN_PROVIDER: &str = "podward-ca";
/// Most issuers of a vault, and most contacts.
const MOST: usize = 100;

/// Who signs a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signs {
    /// Its own key.
    Itself,
    /// The cloud's CA.
    Ca,
    /// Someone the client finds.
    Unknown,
    /// A provider that cannot be reached from here.
    Elsewhere,
}

/// What a vault knows of issuers, and its contacts.
#[derive(Clone, Default)]
pub(super) struct Issuers {
    /// By name in lower case.
    all: BTreeMap<String, Issuer>,
    contacts: Vec<Contact>,
}

#[derive(Clone)]
struct Issuer {
    facts: Facts,
    password: Option<SecretString>,
}

/// What is told of an issuer.
#[derive(Clone, Serialize, Deserialize)]
struct Facts {
    name: String,
    provider: String,
    account_id: Option<String>,
    org_details: Value,
    enabled: bool,
    created: i64,
    updated: i64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contact {
    email: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
}

impl Issuers {
    /// Who signs for an issuer of this name; `None` where there is none, or none that is enabled.
    pub(super) fn signs(&self, name: &str) -> Option<Signs> {
        Some(match name {
            "Self" => Signs::Itself,
            "Unknown" => Signs::Unknown,
            name => {
                let issuer = self.all.get(&name.to_ascii_lowercase())?;
                match issuer.facts.enabled {
                    true if issuer.facts.provider == OWN_PROVIDER => Signs::Ca,
                    true => Signs::Elsewhere,
                    false => return None,
                }
            }
        })
    }

    /// Everything, to be encrypted.
    pub(super) fn save(&self) -> Option<Zeroizing<Vec<u8>>> {
        let facts: Vec<&Facts> = self.all.values().map(|issuer| &issuer.facts).collect();
        let told = serde_json::to_vec(&(facts, &self.contacts)).ok()?;
        let passwords = self.all.values().map(|issuer| issuer.password.as_ref());
        let passwords = passwords.map(|one| one.map_or(&b""[..], |one| one.expose().as_bytes()));
        let fields: Vec<&[u8]> = std::iter::once(told.as_slice()).chain(passwords).collect();
        Some(pack(&fields))
    }

    /// The way back.
    pub(super) fn restore(saved: &[u8]) -> Option<Self> {
        let fields = unpack(saved)?;
        let (told, passwords) = fields.split_first()?;
        let (facts, contacts): (Vec<Facts>, Vec<Contact>) = serde_json::from_slice(told).ok()?;
        let mut all = BTreeMap::new();
        for (facts, password) in facts.into_iter().zip(passwords) {
            let password = String::from_utf8(password.to_vec()).ok();
            let password = password.filter(|one| !one.is_empty());
            let issuer = Issuer {
                password: password.map(SecretString::new),
                facts,
            };
            all.insert(issuer.facts.name.to_ascii_lowercase(), issuer);
        }
        Some(Self { all, contacts })
    }
}

impl Issuer {
    fn told(&self, call: &Call<'_>) -> Value {
        let facts = &self.facts;
        json!({
            "id": id(call, &facts.name), "provider": facts.provider,
            "credentials": {"account_id": facts.account_id}, "org_details": facts.org_details,
            "attributes": {"enabled": facts.enabled, "created": facts.created, "updated": facts.updated},
        })
    }
}

fn id(call: &Call<'_>, name: &str) -> String {
    format!("{}/certificates/issuers/{name}", call.base)
}

/// Answers what is asked of issuers; `None` where it is nothing of that.
pub(super) fn serve(
    call: &Call<'_>,
    method: &Method,
    rest: &[&str],
    query: &Query,
    body: &[u8],
) -> Result<Option<Value>, Fault> {
    Ok(Some(match (method, rest) {
        (&Method::GET, []) => list(call, query)?,
        (&Method::GET, [name]) => {
            call.may(Certificate::KIND, "getissuers", "")?;
            let store = call.store();
            let issuer = store.issuers.all.get(&name.to_ascii_lowercase());
            let issuer = issuer.ok_or_else(missing)?;
            call.granted(Certificate::KIND, "getissuers", "", "")?;
            issuer.told(call)
        }
        (&Method::PUT | &Method::PATCH, [name]) => set(call, name, method == Method::PUT, body)?,
        (&Method::DELETE, [name]) => {
            call.may(Certificate::KIND, "deleteissuers", "")?;
            let mut store = call.store();
            let mut issuers = store.issuers.clone();
            let removed = issuers.all.remove(&name.to_ascii_lowercase());
            let removed = removed.ok_or_else(missing)?;
            call.granted(Certificate::KIND, "deleteissuers", "", "")?;
            store.commit(vec![Step::Issuers(issuers)])?;
            removed.told(call)
        }
        _ => return Ok(None),
    }))
}

fn missing() -> Fault {
    // as recorded, without the name
    Fault::new(404, "CertificateIssuerNotFound", "Issuer not found")
}

fn list(call: &Call<'_>, query: &Query) -> Result<Value, Fault> {
    call.may(Certificate::KIND, "listissuers", "")?;
    let page = Page::of(|name| query.parameter(name))?;
    call.granted(Certificate::KIND, "listissuers", "", "")?;
    let store = call.store();
    let all = store.issuers.all.iter();
    let all = all.filter(|(name, _)| **name > page.after);
    let all = all.map(|(name, issuer)| {
        let facts = &issuer.facts;
        let told = json!({"id": id(call, &facts.name), "provider": facts.provider});
        (name.clone(), told)
    });
    let list = format!("{}/certificates/issuers", call.base);
    Ok(page.fill(all, &format!("{list}?api-version={}", query.version)))
}

/// Makes an issuer, or changes what is named of one.
fn set(call: &Call<'_>, name: &str, whole: bool, body: &[u8]) -> Result<Value, Fault> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Wanted {
        provider: Option<String>,
        credentials: Option<Credentials>,
        org_details: Option<Value>,
        attributes: Option<Enabled>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Credentials {
        account_id: Option<String>,
        pwd: Option<SecretString>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Enabled {
        enabled: Option<bool>,
    }
    call.may(Certificate::KIND, "setissuers", "")?;
    let wanted: Wanted = read(body)?;
    if matches!(name.to_ascii_lowercase().as_str(), "self" | "unknown") {
        return Err(Fault::bad("The names Self and Unknown are taken"));
    }
    if !valid_name(name) {
        let text = "The name of an issuer has 1 to 127 letters, digits and hyphens";
        return Err(Fault::bad(text));
    }
    let now = call.now();
    let mut store = call.store();
    let mut issuers = store.issuers.clone();
    let at = name.to_ascii_lowercase();
    let last = issuers.all.get(&at);
    let mut issuer = match (last, whole) {
        (Some(last), false) => last.clone(),
        (None, false) => return Err(missing()),
        (last, true) => Issuer {
            facts: Facts {
                name: name.to_owned(),
                provider: String::new(),
                account_id: None,
                org_details: json!({}),
                enabled: true,
                created: last.map_or(now, |last| last.facts.created),
                updated: now,
            },
            password: None,
        },
    };
    let facts = &mut issuer.facts;
    facts.updated = now;
    if let Some(provider) = wanted.provider {
        facts.provider = provider;
    }
    if facts.provider.is_empty() {
        return Err(Fault::bad("An issuer needs a provider"));
    }
    let credentials = wanted.credentials.unwrap_or_default();
    facts.account_id = credentials.account_id.or(facts.account_id.take());
    facts.org_details = wanted.org_details.unwrap_or(facts.org_details.take());
    let enabled = wanted.attributes.and_then(|one| one.enabled);
    facts.enabled = enabled.unwrap_or(facts.enabled);
    issuer.password = credentials.pwd.or(issuer.password);
    let told = issuer.told(call);
    issuers.all.insert(at, issuer);
    if issuers.all.len() > MOST {
        return Err(Fault::bad(format!("A vault has at most {MOST} issuers")));
    }
    call.granted(Certificate::KIND, "setissuers", "", "")?;
    store.commit(vec![Step::Issuers(issuers)])?;
    Ok(told)
}

/// Answers what is asked of contacts; `None` where it is nothing of that.
pub(super) fn contacts(
    call: &Call<'_>,
    method: &Method,
    body: &[u8],
) -> Result<Option<Value>, Fault> {
    #[derive(Deserialize)]
    struct Wanted {
        contacts: Vec<Contact>,
    }
    let right = "managecontacts";
    call.may(Certificate::KIND, right, "")?;
    let told = |contacts: &[Contact]| json!({"id": format!("{}/certificates/contacts", call.base), "contacts": contacts});
    let mut store = call.store();
    let mut issuers = store.issuers.clone();
    let none = || Fault::new(404, "ContactsNotFound", "Contacts not found");
    let answer = match *method {
        Method::PUT => {
            let wanted: Wanted = read(body)?;
            if wanted.contacts.is_empty() || wanted.contacts.len() > MOST {
                let text = format!("There must be from 1 to {MOST} contacts");
                return Err(Fault::bad(text));
            }
            let mut known = BTreeSet::new();
            for contact in &wanted.contacts {
                let email = contact.email.trim().to_ascii_lowercase();
                let halves = email.split_once('@');
                if !halves.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()) {
                    return Err(Fault::bad("A contact needs an e-mail address"));
                }
                if !known.insert(email) {
                    return Err(Fault::bad("A contact is there twice"));
                }
            }
            issuers.contacts = wanted.contacts;
            told(&issuers.contacts)
        }
        Method::GET | Method::DELETE if issuers.contacts.is_empty() => return Err(none()),
        Method::GET => told(&issuers.contacts),
        Method::DELETE => told(&std::mem::take(&mut issuers.contacts)),
        _ => return Ok(None),
    };
    call.granted(Certificate::KIND, right, "", "")?;
    if *method != Method::GET {
        store.commit(vec![Step::Issuers(issuers)])?;
    }
    Ok(Some(answer))
}
