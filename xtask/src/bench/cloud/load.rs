//! Requests of wrk to a cloud.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{CLIENT, Running, TENANT, get};
use crate::bench::server::wrk;

/// Seconds of each load.
const SECONDS: &str = "8";

/// What came of a load.
pub(super) struct Figures {
    /// Requests in a second.
    pub(super) rate: f64,
    /// Milliseconds in which 99 of 100 were answered.
    pub(super) p99: f64,
    /// Microseconds of processors that the server took for one.
    pub(super) cpu: f64,
}

/// Loads one cloud.
pub(super) struct Load<'a> {
    cloud: &'a Running,
    token: String,
    port: String,
    script: PathBuf,
}

impl<'a> Load<'a> {
    pub(super) fn new(cloud: &'a Running, scratch: &Path) -> Result<Self, String> {
        let metadata = cloud.text("metadata")?.trim_start_matches("http://");
        let path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";
        let answer = get(metadata, path)?;
        let token = answer.get("access_token").and_then(Value::as_str);
        let port = cloud
            .text("address")?
            .rsplit_once(':')
            .map(|(_, port)| port.to_owned());
        Ok(Self {
            cloud,
            token: token.ok_or("there is no token")?.to_owned(),
            port: port.ok_or("the address has no port")?,
            script: scratch.join("load.lua"),
        })
    }

    /// Runs a script on some connections.
    fn run(
        &self,
        connections: &str,
        threads: &str,
        seconds: &str,
        script: &str,
    ) -> Result<Figures, String> {
        std::fs::write(&self.script, script).map_err(|e| e.to_string())?;
        let before = self.cloud.cpu()?;
        let url = format!("https://127.0.0.1:{}", self.port);
        let told = wrk(&url, &self.script, (connections, threads, seconds))?;
        Ok(Figures {
            rate: told.rate,
            p99: told.p99,
            cpu: (self.cloud.cpu()? - before) * 1e6 / told.count,
        })
    }

    /// Lua that asks the vault: `request` is made of the method, the path and the body that `each` returns.
    fn vault(&self, each: &str) -> String {
        let Self { token, port, .. } = self;
        format!(
            "local headers = {{[\"Host\"] = \"dev.vault.localhost:{port}\", [\"Authorization\"] = \"Bearer {token}\", [\"Content-Type\"] = \"application/json\"}}\n\
             local n = 0\n\
             request = function()\n  n = n + 1\n{each}\n  return wrk.format(method, path .. \"?api-version=7.6\", headers, body)\nend\n"
        )
    }

    /// Sets so many secrets, each once.
    pub(super) fn set_secrets(&self, count: usize) -> Result<(), String> {
        // one connection and one thread, which counts; wrk asks for one request that it does not send, the first. When
        // all are set it reads
        let script = self.vault(&format!(
            "  local method, body, path = \"GET\", nil, \"/secrets/s1/\"\n  if n <= {count} + 1 then\n    method, path = \"PUT\", \"/secrets/s\" .. (n - 1)\n    body = '{{\"value\": \"a-value-of-forty-bytes-as-many-have-it-000\"}}'\n  end"
        ));
        let last = format!("/secrets/s{count}/");
        let is_there = self.vault(&format!(
            "  local method, body, path = \"GET\", nil, \"{last}\""
        ));
        // each start of wrk counts anew: it is given time until it gets through
        for seconds in ["5", "20", "90"] {
            self.run("1", "1", seconds, &script)?;
            if self.run("1", "1", "1", &is_there).is_ok() {
                return Ok(());
            }
        }
        Err("the secrets cannot be set in time".into())
    }

    /// Reads secrets, a different one each time: as many as are answered.
    pub(super) fn secrets(&self, count: usize) -> Result<Figures, String> {
        self.run("16", "2", SECONDS, &self.reads(count))
    }

    /// Reads some 30,000 of them a second. At full load, the load generator and the cloud wait for one another's time
    /// slices of the processors, and the longest times are those.
    pub(super) fn paced_secrets(&self, count: usize) -> Result<Figures, String> {
        let script = self.reads(count) + "delay = function() return 1 end\n";
        self.run("60", "2", SECONDS, &script)
    }

    fn reads(&self, count: usize) -> String {
        self.vault(&format!(
            "  local method, body, path = \"GET\", nil, \"/secrets/s\" .. (n * 7919 % {count} + 1) .. \"/\""
        ))
    }

    /// Signs on one connection.
    pub(super) fn signatures(&self) -> Result<Figures, String> {
        let digest = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        let each = format!(
            "  local method, path, body = \"POST\", \"/keys/k//sign\", '{{\"alg\": \"RS256\", \"value\": \"{digest}\"}}'"
        );
        self.run("1", "1", SECONDS, &self.vault(&each))
    }

    /// Takes tokens by a client secret.
    pub(super) fn tokens(&self) -> Result<Figures, String> {
        let port = &self.port;
        let script = format!(
            "wrk.method = \"POST\"\nwrk.path = \"/{TENANT}/oauth2/v2.0/token\"\nwrk.headers[\"Host\"] = \"login.localhost:{port}\"\n\
             wrk.headers[\"Content-Type\"] = \"application/x-www-form-urlencoded\"\n\
             wrk.body = \"grant_type=client_credentials&client_id={CLIENT}&client_secret=bench&scope=https://vault.azure.net/.default\"\n"
        );
        self.run("16", "2", SECONDS, &script)
    }
}
