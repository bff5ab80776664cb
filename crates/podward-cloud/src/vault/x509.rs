//! What a vault reads in a certificate: its times, its subject and its key.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use crate::der::{self, INTEGER, SEQUENCE};

const OID: u8 = 0x06;
const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// Of names: the last byte of `2.5.4.x`, and what it is called.
const PARTS: [(u8, &str); 8] = [
    (3, "CN"),
    (5, "SERIALNUMBER"),
    (6, "C"),
    (7, "L"),
    (8, "ST"),
    (9, "STREET"),
    (10, "O"),
    (11, "OU"),
];

/// Domain component, and e-mail address.
const OTHERS: [(&[u8], &str); 2] = [
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19],
        "DC",
    ),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01], "E"),
];

/// What is read of a certificate (RFC 5280, 4.1).
pub(crate) struct Read<'a> {
    /// Unix seconds.
    pub(crate) not_before: i64,
    /// Unix seconds.
    pub(crate) not_after: i64,
    /// As `CN=web.example, O=Example`.
    pub(crate) subject: String,
    /// Names of the issuer and of the subject, as they stand in it.
    pub(crate) names: (&'a [u8], &'a [u8]),
    /// The list of extensions; empty where there is none.
    pub(crate) extensions: &'a [u8],
    /// The key's own octets, without the names of its algorithm.
    pub(crate) public_key: &'a [u8],
}

/// Reads a certificate; `None` where it is none.
pub(crate) fn read(certificate: &[u8]) -> Option<Read<'_>> {
    let (whole, _) = der::read(certificate, SEQUENCE)?;
    let (content, _) = der::read(whole, SEQUENCE)?;
    let content = der::read(content, 0xa0).map_or(content, |(_version, rest)| rest);
    let (_serial, rest) = der::read(content, INTEGER)?;
    let (_algorithm, rest) = der::read(rest, SEQUENCE)?;
    let (issuer, rest) = der::read(rest, SEQUENCE)?;
    let (validity, rest) = der::read(rest, SEQUENCE)?;
    let (subject, rest) = der::read(rest, SEQUENCE)?;
    let (key, more) = der::read(rest, SEQUENCE)?;
    let (not_before, rest) = time(validity)?;
    let (not_after, _) = time(rest)?;
    let (_algorithm, rest) = der::read(key, SEQUENCE)?;
    let (bits, _) = der::read(rest, 0x03)?;
    let extensions = der::read(more, 0xa3).and_then(|(list, _)| der::read(list, SEQUENCE));
    Some(Read {
        not_before,
        not_after,
        subject: name(subject),
        names: (issuer, subject),
        extensions: extensions.map(|(list, _)| list).unwrap_or_default(),
        public_key: bits.get(1..)?,
    })
}

fn time(der: &[u8]) -> Option<(i64, &[u8])> {
    let (tag, content, rest) = der::any(der)?;
    let text = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let (year, rest_of_time) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i32 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |from: usize| rest_of_time.get(from..from + 2)?.parse::<u8>().ok();
    let date = Date::from_calendar_date(year, Month::try_from(part(0)?).ok()?, part(2)?).ok()?;
    let time = Time::from_hms(part(4)?, part(6)?, part(8)?).ok()?;
    Some((
        PrimitiveDateTime::new(date, time)
            .assume_utc()
            .unix_timestamp(),
        rest,
    ))
}

fn name(mut der: &[u8]) -> String {
    let mut parts = Vec::new();
    while let Some((mut set, rest)) = der::read(der, SET) {
        der = rest;
        while let Some((pair, more)) = der::read(set, SEQUENCE) {
            set = more;
            parts.extend(part(pair));
        }
    }
    parts.join(", ")
}

fn part(pair: &[u8]) -> Option<String> {
    let (kind, rest) = der::read(pair, OID)?;
    let title = match kind {
        [0x55, 0x04, last] => PARTS.iter().find(|(known, _)| known == last)?.1,
        kind => OTHERS.iter().find(|(known, _)| *known == kind)?.1,
    };
    let (_, value, _) = der::any(rest)?;
    let value = String::from_utf8_lossy(value);
    if value.contains([',', '+', '"', '\\', '=']) {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        return Some(format!("{title}=\"{escaped}\""));
    }
    Some(format!("{title}={value}"))
}

/// A time some months later, on the same day of the month or its last.
pub(super) fn months_later(from: OffsetDateTime, months: u32) -> Option<OffsetDateTime> {
    let zero_based = u32::from(u8::from(from.month())) - 1 + months;
    let year = from
        .year()
        .checked_add(i32::try_from(zero_based / 12).ok()?)?;
    let month = Month::try_from(u8::try_from(zero_based % 12 + 1).ok()?).ok()?;
    let day = from.day().min(month.length(year));
    Some(from.replace_date(Date::from_calendar_date(year, month, day).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_certificate_tells_its_subject_times_and_key() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "web.example");
        params
            .distinguished_name
            .push(rcgen::DnType::OrganizationName, "Shop");
        params.not_before = datetime!(2026-01-02 03:04:05 UTC);
        params.not_after = datetime!(2126-01-02 03:04:05 UTC);
        let made = params.self_signed(&key).unwrap();
        let read = read(made.der()).unwrap();
        assert_eq!(read.subject, "CN=web.example, O=Shop");
        assert_eq!(read.not_before, params.not_before.unix_timestamp());
        assert_eq!(read.not_after, params.not_after.unix_timestamp());
        assert_eq!(read.public_key, key.public_key_raw());
        for end in 0..made.der().len() {
            assert!(super::read(&made.der()[..end]).is_none(), "{end}");
        }
    }

    #[test]
    fn months_end_on_their_last_day() {
        let later = |from, months| months_later(from, months).unwrap();
        assert_eq!(
            later(datetime!(2026-01-31 1:00 UTC), 1),
            datetime!(2026-02-28 1:00 UTC)
        );
        assert_eq!(
            later(datetime!(2026-12-15 1:00 UTC), 12),
            datetime!(2027-12-15 1:00 UTC)
        );
    }
}
