//! `podward cloud token`.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use podward_cloud::{ISSUER, Signer};
use serde_json::json;

use super::run::ISSUER_KEY;
use crate::io::{Io, Output};
use crate::report::{Exit, Report};
use crate::state::State;

/// How long a cloud that has just started may take to make its keys.
const PATIENCE: Duration = Duration::from_secs(10);

/// Prints a statement of the local issuer, as a pod finds it in AZURE_FEDERATED_TOKEN_FILE.
///
/// The cloud's federated credentials with `issuer: podward` trust its signature. What is told otherwise than a
/// credential has it makes a statement that must be refused, for tests.
///
/// Examples:
///   podward cloud token system:serviceaccount:shop:web > token.jwt
///   podward cloud token system:serviceaccount:shop:web --valid-for=-3600
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Token {
    /// Whom it speaks of
    subject: String,
    /// Whom it is meant for
    #[arg(long, default_value = "api://AzureADTokenExchange")]
    audience: String,
    /// Who it says has signed it
    #[arg(long, default_value = ISSUER)]
    issuer: String,
    /// Seconds from now until it ends; it began an hour before the earlier of the two
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 3600,
        allow_hyphen_values = true
    )]
    valid_for: i64,
    /// Data folder of the cloud that is meant
    #[arg(long, value_name = "DIR", env = "PODWARD_CLOUD_DATA")]
    data: Option<PathBuf>,
    /// `text`, or `json`
    #[arg(short, long, value_enum, default_value_t = Output::Text, env = "PODWARD_OUTPUT")]
    output: Output,
}

impl Token {
    pub(super) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        io.set_output(self.output);
        let state = State::of_cloud(self.data.as_deref(), false)?;
        let key = state.keys().join(format!("{ISSUER_KEY}.key"));
        let patience = Instant::now() + PATIENCE;
        while !key.exists() && state.is_taken() && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(20));
        }
        if !key.exists() {
            return Err(Report::new("there is no issuer yet, whose key could sign")
                .at(&state.keys().to_string_lossy(), None)
                .help(
                    "start `podward cloud` first, without --in-memory; name its folder by --data",
                ));
        }
        let signer = Signer::load(Some(&state.keys()), ISSUER_KEY).map_err(Report::new)?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX));
        let end = now.saturating_add(self.valid_for);
        let start = now.min(end).saturating_sub(3600);
        let signed = signer.sign(&json!({
            "iss": self.issuer, "sub": self.subject, "aud": [self.audience],
            "iat": start, "nbf": start, "exp": end,
        }));
        let signed = signed.map_err(Report::new)?;
        io.line(signed.expose());
        io.emit("token", json!({"token": signed.expose(), "expires": end}));
        Ok(Exit::Clean)
    }
}
