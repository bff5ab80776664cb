//! What containers print, handed on line by line.

use std::io::{BufRead, BufReader, PipeReader, Read};

use serde_json::json;

use super::pods::Admitted;
use crate::io::{Io, Tone, harmless};

/// Longest line that is shown, bytes; a longer one is cut into several.
const MAX_LINE: u64 = 16 << 10;

/// Shows what comes out of a container, on a thread of its own, until its end.
pub(super) fn show(io: &Io, read: PipeReader, admitted: &Admitted, container: &str) {
    let prefix = io.tone(
        Tone::Faint,
        format_args!("{}/{container} |", admitted.owner.name),
    );
    let (io, pod, container) = (io.clone(), admitted.pod.clone(), container.to_owned());
    std::thread::spawn(move || {
        lines(read, |line| {
            io.line(format_args!("  {prefix} {line}"));
            io.emit(
                "output",
                json!({"namespace": pod.namespace, "pod": pod.name, "container": container, "line": line}),
            );
        });
    });
}

fn lines(read: impl Read, show: impl Fn(&str)) {
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        match read.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        show(&harmless(text.trim_end_matches(['\n', '\r'])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_harmless() {
        let mut text = vec![b'a'; 20_000];
        text.extend(b"\n\x1b[2Jb\tc\r\nlast");
        let shown = std::cell::RefCell::new(Vec::new());
        lines(text.as_slice(), |line| {
            shown.borrow_mut().push(line.to_owned());
        });
        let shown = shown.into_inner();
        assert_eq!(shown[0].len(), 16 << 10);
        assert_eq!(shown[1].len(), 20_000 - (16 << 10));
        assert_eq!(shown[2..], ["\u{fffd}[2Jb\tc", "last"]);
    }
}
