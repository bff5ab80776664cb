//! `podward manifests`: what to apply, without Helm.

mod admission_policy;
mod schema;
mod template;
mod values;

use std::path::PathBuf;

use podward_manifest::is_label;
use serde_json::{Value, json};

use crate::io::Io;
use crate::report::{Exit, Report};

/// Values of the chart where nothing else is said.
const VALUES: &str = include_str!("../../../../deploy/chart/values.yaml");

/// The chart's templates, in the order that objects need one another.
const TEMPLATES: [(&str, &str); 5] = [
    (
        "namespace.yaml",
        include_str!("../../../../deploy/chart/templates/namespace.yaml"),
    ),
    (
        "rbac.yaml",
        include_str!("../../../../deploy/chart/templates/rbac.yaml"),
    ),
    (
        "certificates.yaml",
        include_str!("../../../../deploy/chart/templates/certificates.yaml"),
    ),
    (
        "webhook.yaml",
        include_str!("../../../../deploy/chart/templates/webhook.yaml"),
    ),
    (
        "configurations.yaml",
        include_str!("../../../../deploy/chart/templates/configurations.yaml"),
    ),
];

/// Prints what installs podward in a cluster: the objects of its Helm chart, without Helm.
///
/// They come from the chart's own templates (deploy/chart), and its values.yaml says what can be set; a value that its
/// values.schema.json does not take is an error, as with Helm. With
/// --admission-policy it prints the levels baseline and restricted as policies that the API server evaluates itself.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  podward manifests --set createNamespace=true | kubectl apply -f -
  podward manifests --set webhook.replicas=3 --set webhook.exempt.namespaces=gatekeeper-system,istio-system
  podward manifests --values values.yaml --show-values
  podward manifests --admission-policy | kubectl apply -f -")]
pub(crate) struct Manifests {
    /// Namespace to install into
    #[arg(
        short,
        long,
        default_value = "podward-system",
        env = "PODWARD_NAMESPACE"
    )]
    namespace: String,
    /// File with values, over those of the chart; the last one counts
    #[arg(short = 'f', long, value_name = "FILE")]
    values: Vec<PathBuf>,
    /// One value, over those of files: a list takes several with commas between them, in braces or not, and any
    /// value JSON
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Print the values that count, and no objects
    #[arg(long)]
    show_values: bool,
    /// Print ValidatingAdmissionPolicies in place of the webhook, for clusters that want none; of the values those of
    /// webhook.exempt count
    #[arg(long, conflicts_with = "show_values")]
    admission_policy: bool,
}

impl Manifests {
    pub(crate) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        let mut values = values::read("deploy/chart/values.yaml", VALUES)?;
        let known = values.clone();
        for path in &self.values {
            let at = path.to_string_lossy();
            let text = std::fs::read_to_string(path).map_err(|e| Report::new(e).at(&at, None))?;
            values::merge(&mut values, values::read(&at, &text)?, &known, &at)?;
        }
        for one in &self.set {
            values::set(&mut values, one, &known)?;
        }
        self.check(&values)?;
        if self.show_values {
            let text = serde_json::to_string_pretty(&values).map_err(Report::new)?;
            io.print(text);
            return Ok(Exit::Clean);
        }
        if self.admission_policy {
            let text = admission_policy::print(&values, &self.namespace);
            let text =
                text.map_err(|fault| Report::new(format!("the admission policy: {fault}")))?;
            io.print(text.trim_end());
            return Ok(Exit::Clean);
        }
        let context = json!({
            "Values": values,
            "Release": {"Namespace": self.namespace},
            "Chart": {"AppVersion": env!("CARGO_PKG_VERSION")},
        });
        let mut text = String::new();
        for (name, template) in TEMPLATES {
            let rendered = template::render(template, &context)
                .map_err(|fault| Report::new(format!("the template {name}: {fault}")))?;
            if !rendered.trim().is_empty() {
                text.push_str("---\n");
                text.push_str(rendered.trim());
                text.push('\n');
            }
        }
        io.print(text.trim_end());
        Ok(Exit::Clean)
    }

    /// Holds the values to the chart's schema, and the namespace to what the API server takes.
    fn check(&self, values: &Value) -> Result<(), Report> {
        let mut faults = schema::faults(values)?;
        if !is_label(&self.namespace) {
            faults.push(format!(
                "--namespace: {:?} has to be an RFC 1123 label: lower-case letters, digits and '-' between them, 63 at most",
                self.namespace
            ));
        }
        let message = match faults.as_slice() {
            [] => return Ok(()),
            [fault] => fault.clone(),
            faults => format!(
                "{} values are none that the chart takes\n  {}",
                faults.len(),
                faults.join("\n  ")
            ),
        };
        Err(Report::new(message).help(
            "deploy/chart/values.yaml says what each value is, and values.schema.json what it may be",
        ))
    }
}

/// The value at a path of keys.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_takes_its_own_values() {
        let known = values::read("values.yaml", VALUES).unwrap();
        assert_eq!(schema::faults(&known).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn every_template_renders_to_objects() {
        let known = values::read("values.yaml", VALUES).unwrap();
        for set in [
            "certificates.certManager=false",
            "certificates.certManager=true",
        ] {
            let mut values = known.clone();
            values::set(&mut values, set, &known).unwrap();
            let context = json!({
                "Values": values, "Release": {"Namespace": "ns"}, "Chart": {"AppVersion": "1"},
            });
            for (name, template) in TEMPLATES {
                let text = template::render(template, &context).unwrap();
                for document in podward_manifest::parse(name, &text).unwrap() {
                    podward_manifest::objects(document).unwrap();
                }
            }
        }
    }

    #[test]
    fn workload_identity_that_is_switched_off_has_no_webhook_and_the_process_knows() {
        let known = values::read("values.yaml", VALUES).unwrap();
        for on in [true, false] {
            let mut values = known.clone();
            let set = format!("webhook.workloadIdentity={on}");
            values::set(&mut values, &set, &known).unwrap();
            let context = json!({
                "Values": values, "Release": {"Namespace": "ns"}, "Chart": {"AppVersion": "1"},
            });
            let text: String = TEMPLATES
                .iter()
                .map(|(_, template)| template::render(template, &context).unwrap())
                .collect();
            let told = format!("name: PODWARD_WORKLOAD_IDENTITY\n              value: \"{on}\"");
            assert!(text.contains(&told), "{text}");
            assert_eq!(text.contains("workload-identity.podward.dev"), on);
        }
    }
}
