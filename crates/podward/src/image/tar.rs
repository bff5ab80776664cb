//! The entries of a tar archive, one after the other, within bounds.

use std::io::{self, Read};

/// Longest path, bytes, as the kernel takes it.
const MAX_PATH: u64 = 4096;
/// Most that stands before an entry to extend its header, bytes.
const MAX_EXTENSION: u64 = 1 << 20;
const BLOCK: usize = 512;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    /// A link, and where it leads.
    Link(String),
    /// A folder, a device or something else.
    Other,
}

/// An entry. Its path has no `./` before it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) kind: Kind,
    /// Bytes of its content.
    pub(super) size: u64,
    /// Where its content begins, bytes from the start of the archive.
    pub(super) at: u64,
}

/// An archive that is read from its start.
pub(super) struct Tar<R> {
    from: R,
    at: u64,
    /// What is left of the entry, and of its last block.
    left: (u64, u64),
}

/// What is wrong with an archive.
fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl<R: Read> Tar<R> {
    pub(super) const fn new(from: R) -> Self {
        Self {
            from,
            at: 0,
            left: (0, 0),
        }
    }

    /// The next entry; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        let (mut path, mut link, mut size) = (None, None, None);
        loop {
            let (content, padding) = std::mem::take(&mut self.left);
            self.skip(content + padding)?;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let written = number(field(&header, 124, 12))?;
            let kind = header.get(156).copied().unwrap_or_default();
            let long = match kind {
                b'L' | b'K' => MAX_PATH,
                b'x' | b'g' => MAX_EXTENSION,
                _ => {
                    let size: u64 = size.unwrap_or(written);
                    self.left = (size, padding_of(size));
                    let path = path.unwrap_or_else(|| name(&header));
                    if path.len() > usize::try_from(MAX_PATH).unwrap_or(usize::MAX) {
                        return Err(broken("a path is longer than 4096 bytes"));
                    }
                    let kind = match kind {
                        b'0' | 0 | b'7' => Kind::File,
                        b'1' | b'2' => {
                            Kind::Link(link.unwrap_or_else(|| text(field(&header, 157, 100))))
                        }
                        _ => Kind::Other,
                    };
                    let path = path
                        .trim_start_matches("./")
                        .trim_start_matches('/')
                        .to_owned();
                    return Ok(Some(Entry {
                        path,
                        kind,
                        size,
                        at: self.at,
                    }));
                }
            };
            if written > long {
                return Err(broken("a header is too long"));
            }
            self.left = (written, padding_of(written));
            let extension = self.content(written)?;
            match kind {
                b'L' => path = Some(text(&extension)),
                b'K' => link = Some(text(&extension)),
                b'x' => {
                    for (key, value) in records(&extension) {
                        match key {
                            "path" => path = Some(value.to_owned()),
                            "linkpath" => link = Some(value.to_owned()),
                            "size" => size = value.parse().ok(),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// The content of the last entry, of which no more than `most` bytes are read.
    pub(super) fn content(&mut self, most: u64) -> io::Result<Vec<u8>> {
        let wanted = self.left.0.min(most);
        let mut bytes =
            Vec::with_capacity(usize::try_from(wanted.min(1 << 20)).unwrap_or_default());
        let read = self.from.by_ref().take(wanted).read_to_end(&mut bytes)?;
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        self.at += read;
        self.left.0 -= read;
        if read < wanted {
            return Err(broken("the archive ends in the middle of a file"));
        }
        Ok(bytes)
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.from.by_ref().take(length), &mut io::sink())?;
        self.at += skipped;
        if skipped < length {
            return Err(broken("the archive ends in the middle of a file"));
        }
        Ok(())
    }

    /// The next header; none at the end, which is a block of zeros or that of the text.
    fn header(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut header = [0; BLOCK];
        let mut read = 0;
        while let Some(rest) = header.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match self.from.read(rest)? {
                0 if read == 0 => return Ok(None),
                0 => return Err(broken("the archive ends in the middle of a header")),
                n => read += n,
            }
        }
        self.at += 512;
        if header.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum: u64 = header
            .iter()
            .enumerate()
            .map(|(at, byte)| {
                u64::from(if (148..156).contains(&at) {
                    b' '
                } else {
                    *byte
                })
            })
            .sum();
        if number(field(&header, 148, 8))? != sum {
            return Err(broken("this is no tar archive, or it is damaged"));
        }
        Ok(Some(header))
    }
}

fn field(header: &[u8; BLOCK], at: usize, length: usize) -> &[u8] {
    header.get(at..at + length).unwrap_or_default()
}

fn padding_of(size: u64) -> u64 {
    (512 - size % 512) % 512
}

/// A number in octal digits, or where the first bit is set in binary.
fn number(field: &[u8]) -> io::Result<u64> {
    if field.first().is_some_and(|byte| byte & 0x80 != 0) {
        let (high, low) = field
            .split_at_checked(field.len().saturating_sub(8))
            .unwrap_or_default();
        let is_small = high.iter().skip(1).all(|byte| *byte == 0) && high.first() == Some(&0x80);
        let low = <[u8; 8]>::try_from(low).ok().filter(|_| is_small);
        return low
            .map(u64::from_be_bytes)
            .ok_or_else(|| broken("a size is too large"));
    }
    let digits = text(field);
    let digits = digits.trim();
    if digits.is_empty() {
        return Ok(0);
    }
    u64::from_str_radix(digits, 8)
        .ok()
        .ok_or_else(|| broken("a number is none: this is no tar archive, or it is damaged"))
}

/// Text up to the first zero.
fn text(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// The path in a header, of which newer archives keep the first part elsewhere.
fn name(header: &[u8; BLOCK]) -> String {
    let name = text(field(header, 0, 100));
    let prefix = text(field(header, 345, 155));
    // that of GNU has times there
    if field(header, 257, 6) != b"ustar\0" || prefix.is_empty() {
        return name;
    }
    format!("{prefix}/{name}")
}

/// The `length key=value` lines of an extended header.
fn records(bytes: &[u8]) -> Vec<(&str, &str)> {
    let mut all = Vec::new();
    let mut rest = bytes;
    while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
        let length = rest
            .get(..space)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let length = length
            .and_then(|digits| digits.parse::<usize>().ok())
            .unwrap_or_default();
        let Some((line, after)) = rest.split_at_checked(length).filter(|_| length > space + 1)
        else {
            break;
        };
        rest = after;
        let line = line
            .get(space + 1..line.len() - 1)
            .and_then(|line| std::str::from_utf8(line).ok());
        all.extend(line.and_then(|line| line.split_once('=')));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with a right sum.
    fn header(name: &str, kind: u8, size: &[u8]) -> Vec<u8> {
        let mut block = vec![0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..124 + size.len()].copy_from_slice(size);
        block[156] = kind;
        block[257..263].copy_from_slice(b"ustar\0");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        block
    }

    fn padded(text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(bytes.len().div_ceil(512) * 512, 0);
        bytes
    }

    #[test]
    fn long_names_links_and_large_sizes_are_read() {
        let record = "20 path=deep/é.txt\n";
        let mut bytes = header("././@LongLink", b'L', b"00000000004");
        bytes.extend(padded("a/b\0"));
        bytes.extend(header("short", b'0', b"00000000002"));
        bytes.extend(padded("hi"));
        bytes.extend(header(
            "x",
            b'x',
            format!("{:011o}", record.len()).as_bytes(),
        ));
        bytes.extend(padded(record));
        bytes.extend(header(
            "./y",
            b'0',
            &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3],
        ));
        bytes.extend(padded("abc"));
        bytes.extend(header("./dir/", b'5', b""));
        bytes.extend([0; 1024]);
        let mut tar = Tar::new(bytes.as_slice());
        let first = tar.next().unwrap().unwrap();
        assert_eq!(
            (first.path.as_str(), first.size, &first.kind),
            ("a/b", 2, &Kind::File)
        );
        assert_eq!(tar.content(9).unwrap(), b"hi");
        let second = tar.next().unwrap().unwrap();
        assert_eq!(
            (second.path.as_str(), second.size, second.at),
            ("deep/é.txt", 3, 3584)
        );
        let third = tar.next().unwrap().unwrap();
        assert_eq!((third.path.as_str(), third.kind), ("dir/", Kind::Other));
        assert!(tar.next().unwrap().is_none());
    }

    #[test]
    fn what_is_damaged_is_an_error() {
        let error = |bytes: &[u8]| {
            let mut tar = Tar::new(bytes);
            while tar.next().map_err(|e| e.to_string())?.is_some() {}
            Ok::<_, String>(())
        };
        assert_eq!(error(b"").unwrap_or_default(), ());
        assert!(error(&[7; 512]).unwrap_err().contains("no tar archive"));
        assert!(error(&[7; 100]).unwrap_err().contains("middle of a header"));
        let short = header("a", b'0', b"00000001000");
        assert!(error(&short).unwrap_err().contains("middle of a file"));
        let long = header("a", b'L', b"77777777777");
        assert!(error(&long).unwrap_err().contains("too long"));
        let most = header("a", b'0', &[0xff; 12]);
        assert!(error(&most).unwrap_err().contains("too large"));
    }
}
