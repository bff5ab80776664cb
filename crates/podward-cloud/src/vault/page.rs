//! Lists a page at a time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::fault::Fault;

/// Most items of a page, and as many as it has where the client names no number.
const MOST: usize = 25;

/// Which page is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    size: usize,
    /// The last item of the page before.
    pub(super) after: String,
}

impl Page {
    /// Reads `maxresults` and `$skiptoken`.
    pub(super) fn of(parameter: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let size = match parameter("maxresults") {
            None => MOST,
            Some(text) => text
                .parse()
                .ok()
                .filter(|size| (1..=MOST).contains(size))
                .ok_or_else(|| Fault::bad(format!("maxresults must be from 1 to {MOST}")))?,
        };
        let after = match parameter("$skiptoken") {
            None => String::new(),
            Some(text) => URL_SAFE_NO_PAD
                .decode(text)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| Fault::bad("the skiptoken is not one of this vault's"))?,
        };
        Ok(Self { size, after })
    }

    /// The items and the address of the next page. `all` begins after the page before; each item comes with what
    /// it is sorted by. `list` is the list's address with the version of the API.
    pub(super) fn fill(&self, all: impl Iterator<Item = (String, Value)>, list: &str) -> Value {
        let mut all = all.peekable();
        let mut items = Vec::new();
        let mut last = String::new();
        for (sorted_by, item) in all.by_ref().take(self.size) {
            items.push(item);
            last = sorted_by;
        }
        let next = all.peek().map(|_| {
            let token = URL_SAFE_NO_PAD.encode(last);
            format!("{list}&$skiptoken={token}&maxresults={}", self.size)
        });
        json!({"value": items, "nextLink": next})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_begins_where_the_last_one_ended() {
        let names = ["a", "b", "c"];
        let mut seen = Vec::new();
        let mut token = None;
        loop {
            let page = Page::of(|name| match name {
                "maxresults" => Some("2".into()),
                _ => token.clone(),
            })
            .unwrap();
            let rest = names.iter().filter(|name| **name > page.after.as_str());
            let all = rest.map(|name| ((*name).to_owned(), json!(name)));
            let got = page.fill(all, "https://v/secrets?api-version=7.6");
            seen.extend(got["value"].as_array().unwrap().clone());
            let Some(next) = got["nextLink"].as_str() else {
                break;
            };
            let (_, rest) = next.split_once("$skiptoken=").unwrap();
            token = Some(rest.split('&').next().unwrap().to_owned());
        }
        assert_eq!(seen, names.map(|name| json!(name)));
    }

    #[test]
    fn sizes_have_bounds() {
        let of = |size: &str| Page::of(|name| (name == "maxresults").then(|| size.to_owned()));
        assert!(of("1").is_ok() && of("25").is_ok());
        for wrong in ["0", "26", "-1", "x", ""] {
            assert_eq!(of(wrong).unwrap_err().status, 400, "{wrong}");
        }
        assert!(Page::of(|name| (name == "$skiptoken").then(|| "%%".to_owned())).is_err());
    }
}
