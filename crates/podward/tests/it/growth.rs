//! Time grows with what is read, and not with its square.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::harness::{PODWARD, written};

/// What four times as much may take of the processor, of the time for one. Twice what it takes where time grows with
/// the size; a square would take sixteen.
const MOST: u32 = 8;
/// What the kernel's count of hundredths and a busy machine may add.
const NOISE: Duration = Duration::from_millis(300);

/// Time of the processor that one run takes, of user and system.
fn time(folder: &Path, arguments: &str) -> Duration {
    // the shell tells its own times first, and then those of what it has run
    let line = format!("\"$0\" {arguments} > /dev/null 2>&1; times");
    let output = Command::new("bash")
        .args(["-c", &line, PODWARD])
        .current_dir(folder)
        .env_remove("PODWARD_PROFILE")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let children = text.lines().nth(1).unwrap();
    let seconds = children.split_whitespace().map(|time| {
        let (minutes, seconds) = time.trim_end_matches('s').split_once('m').unwrap();
        minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
    });
    Duration::from_secs_f64(seconds.sum())
}

/// Says that four times as many take no more than twice four times as long.
fn grows_evenly(what: &str, many: usize, arguments: &str, text: impl Fn(usize) -> String) {
    of_command(what, many, &format!("check . {arguments}"), text);
}

/// The same of any command.
fn of_command(what: &str, many: usize, command: &str, text: impl Fn(usize) -> String) {
    let taken = |count: usize| {
        let folder = written(&[("all.yaml", &text(count))]);
        time(&folder, command)
    };
    let (one, four) = (taken(many), taken(4 * many));
    assert!(
        four < one * MOST + NOISE,
        "{what}: {one:?}, and for four times as many {four:?}"
    );
}

fn pods(count: usize, comment: &str) -> String {
    let pod = |n| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{n}}}\nspec:\n  hostPID: true {comment}\n  containers: [{{name: a, image: b}}]\n---\n"
        )
    };
    (0..count).map(pod).collect()
}

#[test]
fn containers_of_one_pod() {
    grows_evenly(
        "containers",
        1500,
        "--profile restricted -o json",
        |count| {
            let container = |n| {
                format!(
                    "  - name: c{n}\n    image: i\n    ports: [{{containerPort: 80}}]\n    securityContext: {{privileged: true}}\n"
                )
            };
            let all: String = (0..count).map(container).collect();
            format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n{all}")
        },
    );
}

/// Services, each with a pod that listens on a privileged port.
fn pairs(count: usize) -> String {
    let pair = |n| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: s{n}}}\nspec:\n  selector: {{app: a{n}, tier: web}}\n  ports: [{{port: 80}}]\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{n}, labels: {{app: a{n}, tier: web}}}}\nspec:\n  containers: [{{name: a, image: b, ports: [{{containerPort: 80}}]}}]\n---\n"
        )
    };
    (0..count).map(pair).collect()
}

/// A List of pods, which is one line.
fn one_line(count: usize) -> String {
    let pod = |n| {
        format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p{n}"}},"spec":{{"containers":[{{"name":"a","image":"b"}}]}}}}"#
        )
    };
    let pods: Vec<_> = (0..count).map(pod).collect();
    format!(
        r#"{{"apiVersion":"v1","kind":"List","items":[{}]}}"#,
        pods.join(",")
    )
}

#[test]
fn services_and_the_pods_behind_them() {
    let arguments = "--profile podward -o json";
    grows_evenly("Services", 800, arguments, pairs);
}

#[test]
fn ports_that_move_with_their_services() {
    let command = "fix . --unsafe-fixes --profile podward";
    of_command("moved ports", 150, command, pairs);
}

#[test]
fn pods_of_one_line() {
    grows_evenly("pods of one line", 600, "--profile podward", one_line);
    let command = "fix . --profile restricted";
    of_command("mended pods of one line", 200, command, one_line);
}

#[test]
fn suppressions_that_leave_nothing() {
    let arguments = "--profile restricted";
    grows_evenly("comments", 3000, arguments, |count| {
        "# podward: ignore[x] y\n".repeat(count)
    });
}

#[test]
fn suppressions() {
    let comment = "# podward: ignore[hostNamespaces] it looks at processes";
    grows_evenly(
        "suppressions",
        1500,
        "--profile baseline -o json",
        |count| pods(count, comment),
    );
}

#[test]
fn every_form_of_output() {
    for form in ["text", "sarif", "junit", "github"] {
        let arguments = format!("--profile restricted -o {form}");
        grows_evenly(form, 1000, &arguments, |count| pods(count, ""));
    }
}

#[test]
fn lines_of_a_value_that_is_looked_into() {
    grows_evenly(
        "lines of a value",
        10_000,
        "--profile restricted -o json",
        |count| {
            let line =
                |n| format!("    setting_{n} = \"https://host-{n}.shop.example/path?x={n}\"\n");
            let all: String = (0..count).map(line).collect();
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata:\n  app.properties: |\n{all}"
            )
        },
    );
}
