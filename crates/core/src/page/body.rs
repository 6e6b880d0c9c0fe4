//! The bytes of a page, plain and compressed.

use std::io::Write;

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;
use once_cell::sync::OnceCell;

use crate::negotiate::Encoding;
use crate::stack;

/// Bodies smaller than this, in bytes, are not worth compressing.
const TOO_SMALL: usize = 256;

/// From the next quality on, Brotli uses tables of 8 to 32 MiB, which a child might keep, and takes
/// many times as long, to save half a percent.
const BROTLI_QUALITY: i32 = 6;

/// The bytes of a page as they are sent. They are compressed once, at the first request for an
/// encoding.
#[derive(Debug)]
pub struct Body {
    // A boxed slice has no spare capacity.
    plain: Box<[u8]>,
    gzip: OnceCell<Option<Box<[u8]>>>,
    brotli: OnceCell<Option<Box<[u8]>>>,
    stands_in: bool,
}

impl Body {
    /// A body of these bytes.
    pub fn new(plain: Vec<u8>) -> Self {
        let (gzip, brotli) = (OnceCell::new(), OnceCell::new());
        Self { plain: plain.into(), gzip, brotli, stands_in: false }
    }

    /// Marks the body as the built-in page that replaces an unusable page.
    pub fn standing_in(self) -> Self {
        Self { stands_in: true, ..self }
    }

    /// Whether this is the built-in page replacing an unusable page.
    pub fn stands_in(&self) -> bool {
        self.stands_in
    }

    /// The uncompressed bytes.
    pub fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// The bytes in this encoding, or uncompressed if the encoding does not make them smaller.
    pub fn encoded(&self, encoding: Encoding) -> (&[u8], Encoding) {
        let compressed = match encoding {
            Encoding::Identity => None,
            Encoding::Gzip => self.compressed(&self.gzip, gzip),
            Encoding::Brotli => self.compressed(&self.brotli, brotli),
        };
        compressed.map_or((&self.plain, Encoding::Identity), |bytes| (bytes, encoding))
    }

    /// Whether the body has already been compressed for this encoding.
    pub fn is_ready(&self, encoding: Encoding) -> bool {
        match encoding {
            Encoding::Identity => true,
            Encoding::Gzip => self.gzip.get().is_some(),
            Encoding::Brotli => self.brotli.get().is_some(),
        }
    }

    /// The total size in bytes, in all encodings made so far.
    pub fn size(&self) -> usize {
        let compressed = [&self.gzip, &self.brotli].map(|bytes| bytes.get()?.as_deref());
        compressed.into_iter().flatten().map(<[u8]>::len).sum::<usize>() + self.plain.len()
    }

    /// Whether the bytes sent depend on Accept-Encoding.
    pub fn is_negotiated(&self) -> bool {
        self.plain.len() >= TOO_SMALL
    }

    /// Compresses the body now instead of at the first request.
    pub fn prepare(&self) {
        self.encoded(Encoding::Gzip);
        self.encoded(Encoding::Brotli);
    }

    fn compressed<'b>(
        &self,
        place: &'b OnceCell<Option<Box<[u8]>>>,
        compress: fn(&[u8]) -> std::io::Result<Vec<u8>>,
    ) -> Option<&'b [u8]> {
        let smaller = || {
            if !self.is_negotiated() {
                return Ok(None);
            }
            // If the body cannot be compressed now, it is sent uncompressed, and the next request
            // tries again.
            let bytes = stack::deep(|| compress(&self.plain)).and_then(Result::ok).ok_or(())?;
            Ok::<_, ()>((bytes.len() < self.plain.len()).then(|| bytes.into()))
        };
        place.get_or_try_init(smaller).ok()?.as_deref()
    }
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain)?;
    encoder.finish()
}

fn brotli(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let params = BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        // A larger window than the page would only make the tables larger.
        lgwin: plain.len().next_power_of_two().ilog2().clamp(17, 20).cast_signed(),
        size_hint: plain.len(),
        ..BrotliEncoderParams::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*plain, &mut compressed, &params)?;
    Ok(compressed)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn every_encoding_gives_the_page_back() {
        for size in [0, 1, TOO_SMALL - 1, TOO_SMALL, 5000, 1024 * 1024] {
            let plain: Vec<u8> = b"<p>maintenance ".iter().copied().cycle().take(size).collect();
            let body = Body::new(plain.clone());
            for wanted in [Encoding::Identity, Encoding::Gzip, Encoding::Brotli] {
                let (bytes, encoding) = body.encoded(wanted);
                let mut decoded = Vec::new();
                let read = match encoding {
                    Encoding::Identity => (&mut &*bytes).read_to_end(&mut decoded),
                    Encoding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut decoded),
                    Encoding::Brotli => {
                        brotli::Decompressor::new(bytes, 4096).read_to_end(&mut decoded)
                    }
                };
                assert_eq!(read.expect("decoded"), size);
                assert!(decoded == plain, "{size} {wanted:?}");
                let is_large = size >= TOO_SMALL;
                assert_eq!(encoding, if is_large { wanted } else { Encoding::Identity });
                assert_eq!(body.is_negotiated(), is_large);
            }
        }
    }

    #[test]
    fn what_does_not_get_smaller_stays_plain() {
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = (0..5000).map(|_| random.u8(..)).collect();
        for encoding in [Encoding::Gzip, Encoding::Brotli] {
            let body = Body::new(noise.clone());
            assert_eq!(body.encoded(encoding), (&noise[..], Encoding::Identity));
        }
    }
}
