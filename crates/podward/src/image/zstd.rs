//! What zstd compresses (RFC 8878): frames one behind the other, some of them to be skipped.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// How a frame begins.
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Reads what stands in the frames. A frame that looks back by more than 128 MiB is refused, as by `zstd` itself.
pub(super) struct Frames<R> {
    from: R,
    decoder: FrameDecoder,
    /// Whether a frame was begun and not read to its end.
    is_inside: bool,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            decoder: FrameDecoder::new(),
            is_inside: false,
        }
    }

    /// Goes to the next frame; false where there is none.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.from.fill_buf()?.is_empty() {
            let skipped = match self.decoder.init(&mut self.from) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => u64::from(length),
                Err(error) => return Err(io::Error::other(error)),
            };
            let mut rest = self.from.by_ref().take(skipped);
            if io::copy(&mut rest, &mut io::sink())? < skipped {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_inside && !self.begin()? {
                return Ok(0);
            }
            self.is_inside = true;
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                let decoded = self.decoder.decode_blocks(&mut self.from, one);
                decoded.map_err(io::Error::other)?;
            }
            match self.decoder.read(into)? {
                0 if self.decoder.is_finished() && !into.is_empty() => self.is_inside = false,
                read => return Ok(read),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    fn unpacked(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        Frames::new(bytes).read_to_end(&mut all).map(|_| all)
    }

    #[test]
    fn frames_are_read_one_behind_the_other_and_some_are_skipped() {
        let text: Vec<u8> = (0..300_000_u32)
            .flat_map(|n| (n / 7).to_le_bytes())
            .collect();
        let skipped = [&[0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0], &b"abc"[..]].concat();
        let (first, second) = text.split_at(700_001);
        let frame = |part: &[u8]| compress_to_vec(part, CompressionLevel::Fastest);
        let all = [
            &skipped[..],
            &frame(first),
            &skipped,
            &frame(second),
            &skipped,
        ]
        .concat();
        assert!(all.len() < text.len());
        assert_eq!(unpacked(&all).unwrap(), text);
        assert!(unpacked(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_breaks_off_or_is_none_is_an_error() {
        let frame = compress_to_vec(&[7; 5000][..], CompressionLevel::Fastest);
        for cut in 1..frame.len() {
            assert!(unpacked(frame.get(..cut).unwrap()).is_err(), "{cut}");
        }
        assert!(unpacked(&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1]).is_err());
        assert!(unpacked(b"no frame").is_err());
        // a window of a gigabyte
        assert!(unpacked(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0xa0, 1, 0, 0]).is_err());
    }
}
