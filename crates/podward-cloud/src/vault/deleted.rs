//! Objects that were deleted: they may come back for a while.

use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::certificate::Certificate;
use super::door::{Call, Query};
use super::fault::Fault;
use super::objects::{Detail, Kind, Object, marked};
use super::page::Page;
use super::step::{Step, along};
use crate::answer;

/// Answers what is asked of deleted objects; `None` where it is nothing that is served.
pub(super) fn serve_deleted<T: Object>(
    call: &Call<'_>,
    method: &Method,
    rest: &[&str],
    query: &Query,
) -> Result<Option<Response>, Fault> {
    let told = match (method, rest) {
        (&Method::GET, []) => call.list_deleted::<T>(query)?,
        (&Method::GET, [name]) => call.get_deleted::<T>(name)?,
        (&Method::POST, [name, "recover"]) => call.recover::<T>(name)?,
        (&Method::DELETE, [name]) => {
            call.purge::<T>(name)?;
            return Ok(Some(StatusCode::NO_CONTENT.into_response()));
        }
        _ => return Ok(None),
    };
    Ok(Some(answer(200, &told)))
}

impl Call<'_> {
    fn missing_deleted<T: Object>(name: &str) -> Fault {
        Fault::new(
            404,
            T::KIND.not_found,
            format!("Deleted {} not found: {name}", T::KIND.title),
        )
    }

    /// Deletes an object, with what goes along.
    pub(super) fn delete<T: Object>(&self, name: &str) -> Result<Value, Fault> {
        let kind = T::KIND;
        self.may(kind, "delete", name)?;
        let mut store = self.store();
        let item = T::shelf(&store).live(name);
        let latest = item.and_then(|item| item.version(None));
        let latest = latest.ok_or_else(|| self.missing::<T>(name, None))?;
        Self::own(item)?;
        self.granted(kind, "delete", name, &latest.id)?;
        let id = latest.id.clone();
        let mut steps = marked(kind, name, Some(self.now()));
        if kind == Certificate::KIND {
            steps.push(Step::Pending(name.to_owned(), None));
        }
        store.commit(steps)?;
        self.again::<T>(&store, name, &id, Detail::Bundle)
    }

    fn list_deleted<T: Object>(&self, query: &Query) -> Result<Value, Fault> {
        self.may(T::KIND, "list", "")?;
        let page = Page::of(|name| query.parameter(name))?;
        self.granted(T::KIND, "list", "", "")?;
        let mut store = self.store();
        self.forget::<T>(&mut store)?;
        let all = T::shelf(&store).after(&page.after, true);
        let all = all.filter_map(|(name, item)| {
            let latest = item.version(None)?;
            Some((
                name.to_owned(),
                self.told(item, latest, Detail::Entry, true),
            ))
        });
        let list = format!("{}/{}", self.base, T::KIND.deleted);
        Ok(page.fill(all, &format!("{list}?api-version={}", query.version)))
    }

    fn get_deleted<T: Object>(&self, name: &str) -> Result<Value, Fault> {
        self.may(T::KIND, "get deleted", name)?;
        let mut store = self.store();
        self.forget::<T>(&mut store)?;
        let item = T::shelf(&store).deleted(name);
        let found = item.and_then(|item| Some((item, item.version(None)?)));
        let (item, latest) = found.ok_or_else(|| Self::missing_deleted::<T>(name))?;
        self.granted(T::KIND, "get deleted", name, &latest.id)?;
        Ok(self.told(item, latest, Detail::Bundle, true))
    }

    fn recover<T: Object>(&self, name: &str) -> Result<Value, Fault> {
        self.may(T::KIND, "recover", name)?;
        let mut store = self.store();
        self.forget::<T>(&mut store)?;
        let item = T::shelf(&store).deleted(name);
        Self::own(item)?;
        let latest = item.and_then(|item| item.version(None));
        let latest = latest.ok_or_else(|| Self::missing_deleted::<T>(name))?;
        self.granted(T::KIND, "recover", name, &latest.id)?;
        let id = latest.id.clone();
        store.commit(marked(T::KIND, name, None))?;
        self.again::<T>(&store, name, &id, Detail::Bundle)
    }

    fn purge<T: Object>(&self, name: &str) -> Result<(), Fault> {
        self.may(T::KIND, "purge", name)?;
        let mut store = self.store();
        self.forget::<T>(&mut store)?;
        let item = T::shelf(&store).deleted(name);
        Self::own(item)?;
        if item.is_none() {
            return Err(Self::missing_deleted::<T>(name));
        }
        if self.vault.purge_protection {
            let text = format!(
                "Operation \"purge\" is not allowed because purge protection is enabled for this vault. Key Vault service will automatically purge it after the retention period has passed. Vault: {}",
                self.vault.name
            );
            return Err(Fault::new(403, "Forbidden", text));
        }
        self.granted(T::KIND, "purge", name, "")?;
        let purge = |kind: &Kind| Step::Purge(*kind, name.to_owned());
        store.commit(along(T::KIND).iter().map(purge).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::Trial;
    use serde_json::{Value, json};

    #[test]
    fn a_deleted_certificate_is_listed_with_its_key_and_its_secret() {
        let trial = Trial::new();
        trial.create_certificate("Self");
        assert_eq!(
            trial.ask("DELETE", "/certificates/web", &Value::Null).0,
            200
        );
        for kind in ["deletedkeys", "deletedsecrets", "deletedcertificates"] {
            let (_, listed) = trial.ask("GET", &format!("/{kind}"), &Value::Null);
            let listed = listed["value"].as_array().unwrap();
            assert_eq!(listed.len(), 1, "{kind}");
            let managed = listed[0].get("managed") == Some(&json!(true));
            assert_eq!(managed, kind != "deletedcertificates", "{kind}");
            let end = format!("/{kind}/web");
            assert!(listed[0]["recoveryId"].as_str().unwrap().ends_with(&end));
        }
        // they come back with it alone
        for kind in ["deletedkeys", "deletedsecrets"] {
            let back = trial.ask("POST", &format!("/{kind}/web/recover"), &Value::Null);
            assert_eq!(back.0, 403, "{kind}");
        }
    }
}
