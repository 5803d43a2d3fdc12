//! Makes a small square of what somebody uploads. It is decoded and written anew, so nothing of the
//! file comes through but what is seen: no place where it was taken, no page or script that is a
//! picture as well.

use std::io::Cursor;
use std::time::Duration;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{
    DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage,
};

mod budget;
mod cut;

use crate::domain::{Username, limits};
use crate::server::Failure;
use crate::server::turns::{Bounds, Turns};

/// The side of a square as it is kept, in pixels: enough for the largest that pages show on a fine
/// screen.
const SIDE: u32 = 192;

/// How good a JPEG: 10 kB or so.
const QUALITY: u8 = 85;

/// What one picture may take while it is decoded (`budget`): 30 million pixels with 16 bits a colour.
/// Pictures are worked on one at a time.
const WORKING_BYTES: u64 = 6 * limits::PICTURE_PIXELS;

/// Each of those that wait holds a file of up to 10 MB.
const TURNS: Bounds = Bounds {
    at_once: 1,
    waiting_each: 2,
    waiting: 8,
};

/// By then the queue has moved on: a large picture takes a second or two.
const QUEUE_IS_SHORTER: Duration = Duration::from_secs(10);

/// Why a picture was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// Something else, or a picture of another kind.
    #[error("This is no picture that Natter can read. Use a PNG, JPEG or WebP file.")]
    Unreadable,
    /// Too many pixels: refused before any of them is decoded.
    #[error("This picture has too many pixels: 30 million are the most. Make it smaller first.")]
    TooLarge,
    /// Too many bytes for its pixels, refused alike.
    #[error(
        "This picture has too many pixels for its format. Save it as a plain JPEG, or make it smaller first."
    )]
    TooHeavy,
}

impl From<PictureError> for Failure {
    fn from(error: PictureError) -> Self {
        Self::invalid(error.to_string())
    }
}

/// Works on pictures, one at a time, beside the threads that serve people.
#[derive(Clone)]
pub struct Pictures {
    turns: Turns<Username>,
}

impl Default for Pictures {
    fn default() -> Self {
        Self {
            turns: Turns::new(TURNS),
        }
    }
}

impl Pictures {
    /// The square that is kept, a JPEG. `uid` uploads it.
    ///
    /// # Errors
    /// It is no picture, too large, or too many are waiting.
    pub async fn square(&self, uid: &Username, file: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let turn = self.turns.take(uid).await;
        let turn = turn.map_err(|_| Failure::busy(QUEUE_IS_SHORTER))?;
        let made = tokio::task::spawn_blocking(move || {
            // Held until the work is done, even when nobody waits for it any more.
            let _turn = turn;
            square(&file)
        });
        match made.await {
            Ok(made) => Ok(made?),
            Err(error) => {
                tracing::error!(%error, "a picture broke its decoder");
                Err(PictureError::Unreadable.into())
            }
        }
    }
}

fn square(file: &[u8]) -> Result<Vec<u8>, PictureError> {
    let format = image::guess_format(file).map_err(|_| PictureError::Unreadable)?;
    if !matches!(
        format,
        ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP
    ) {
        return Err(PictureError::Unreadable);
    }
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    let mut most = Limits::no_limits();
    most.max_alloc = Some(WORKING_BYTES);
    reader.limits(most);
    // This reads the head of the file and no more.
    let mut decoder = reader.into_decoder().map_err(why)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits::PICTURE_PIXELS {
        return Err(PictureError::TooLarge);
    }
    let bytes = budget::bytes(format, file, &decoder).ok_or(PictureError::Unreadable)?;
    if bytes > WORKING_BYTES {
        return Err(PictureError::TooHeavy);
    }
    // Cameras write the picture as it falls and say how to turn it.
    let turned = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let middle = cut::middle(decoder)?;
    let mut small = middle.resize_exact(SIDE, SIDE, FilterType::Triangle);
    drop(middle);
    small.apply_orientation(turned);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode_image(&on_white(&small))
        .map_err(why)?;
    Ok(jpeg)
}

/// A JPEG has no see-through parts.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let picture = picture.to_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0;
        let over = |part: u8| {
            let alpha = u16::from(alpha);
            let part = (u16::from(part) * alpha + 255 * (255 - alpha)) / 255;
            u8::try_from(part).unwrap_or(u8::MAX)
        };
        Rgb([over(red), over(green), over(blue)])
    })
}

fn why(error: ImageError) -> PictureError {
    match error {
        ImageError::Limits(_) => PictureError::TooLarge,
        _ => PictureError::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageEncoder as _, Rgba, RgbaImage};

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// Red on the left, blue on the right, wider than high.
    fn two_halves() -> DynamicImage {
        DynamicImage::ImageRgb8(RgbImage::from_fn(400, 200, |x, _| {
            Rgb(if x < 200 { [200, 0, 0] } else { [0, 0, 200] })
        }))
    }

    fn is_near(pixel: Rgb<u8>, wanted: [u8; 3]) -> bool {
        let pairs = pixel.0.into_iter().zip(wanted);
        pairs
            .into_iter()
            .all(|(is, wanted)| is.abs_diff(wanted) < 25)
    }

    #[test]
    fn every_kind_becomes_a_small_square_of_its_middle() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let made = square(&encoded(&two_halves(), format)).unwrap();
            assert_eq!(image::guess_format(&made).unwrap(), ImageFormat::Jpeg);
            let made = image::load_from_memory(&made).unwrap().to_rgb8();
            assert_eq!(made.dimensions(), (SIDE, SIDE));
            assert!(is_near(*made.get_pixel(10, 90), [200, 0, 0]), "{format:?}");
            assert!(is_near(*made.get_pixel(180, 90), [0, 0, 200]), "{format:?}");
        }
    }

    #[test]
    fn what_was_hidden_in_the_file_does_not_come_through() {
        let mut with_exif = Vec::new();
        let mut encoder = JpegEncoder::new(&mut with_exif);
        // TIFF, big endian, one entry: orientation (0x0112), a SHORT, 1 of them, 6: turn right.
        let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0secret place";
        encoder.set_exif_metadata(exif.to_vec()).unwrap();
        encoder.encode_image(&two_halves()).unwrap();
        with_exif.extend_from_slice(b"<script>alert(1)</script>");
        let made = square(&with_exif).unwrap();
        let holds = |what: &[u8]| made.windows(what.len()).any(|part| part == what);
        assert!(!holds(b"secret") && !holds(b"script") && !holds(b"Exif"));
        // What was on the left is on top now.
        let made = image::load_from_memory(&made).unwrap().to_rgb8();
        assert!(is_near(*made.get_pixel(90, 10), [200, 0, 0]));
        assert!(is_near(*made.get_pixel(90, 180), [0, 0, 200]));
    }

    #[test]
    fn a_bomb_is_refused_by_its_head() {
        let mut bomb = encoded(&two_halves(), ImageFormat::Jpeg);
        let head = bomb.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
        bomb[head + 5..head + 9].copy_from_slice(&[0xff; 4]);
        assert_eq!(square(&bomb), Err(PictureError::TooLarge));
        let wide = DynamicImage::new_luma8(31_000, 1_000);
        assert_eq!(
            square(&encoded(&wide, ImageFormat::Png)),
            Err(PictureError::TooLarge)
        );
    }

    /// The head of a PNG, which says so many pixels of so many bits in red, green, blue and alpha, and
    /// nothing behind it.
    fn png_head(width: u32, height: u32, bits: u8) -> Vec<u8> {
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut chunk = b"IHDR".to_vec();
        chunk.extend(width.to_be_bytes());
        chunk.extend(height.to_be_bytes());
        chunk.extend([bits, 6, 0, 0, 0]);
        for (bytes, crc) in [(chunk, true), (b"IDAT".to_vec(), false)] {
            png.extend(u32::try_from(bytes.len() - 4).unwrap().to_be_bytes());
            png.extend(&bytes);
            png.extend(if crc { crc32(&bytes) } else { 0 }.to_be_bytes());
        }
        png
    }

    /// As PNG has it (ISO/IEC 15948, annex D).
    fn crc32(bytes: &[u8]) -> u32 {
        let step = |crc: u32| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        let of_byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
        !bytes.iter().fold(u32::MAX, of_byte)
    }

    #[test]
    fn the_bytes_are_counted_before_any_is_decoded() {
        // There are no pixels behind these heads: whatever was decoded would be unreadable.
        for (width, height, bits, refused) in [
            (6_000, 5_000, 8, PictureError::Unreadable),
            (6_001, 5_000, 8, PictureError::TooLarge),
            (4_500, 5_000, 16, PictureError::Unreadable),
            (4_501, 5_000, 16, PictureError::TooHeavy),
            (6_000, 5_000, 16, PictureError::TooHeavy),
        ] {
            let made = square(&png_head(width, height, bits));
            assert_eq!(made, Err(refused), "{width} x {height} x {bits}");
        }
    }

    #[test]
    fn sixteen_bits_a_colour_become_eight() {
        let deep = |x: u32, _| {
            image::Rgb(if x < 200 {
                [51_200, 0, 128]
            } else {
                [128, 0, 51_200]
            })
        };
        let deep = DynamicImage::ImageRgb16(image::ImageBuffer::from_fn(400, 200, deep));
        for deep in [deep.clone(), DynamicImage::ImageRgba16(deep.to_rgba16())] {
            let made = square(&encoded(&deep, ImageFormat::Png)).unwrap();
            let made = image::load_from_memory(&made).unwrap().to_rgb8();
            assert!(is_near(*made.get_pixel(10, 90), [200, 0, 0]));
            assert!(is_near(*made.get_pixel(180, 90), [0, 0, 200]));
        }
    }

    #[test]
    fn anything_else_is_no_picture() {
        let png = encoded(&two_halves(), ImageFormat::Png);
        for bytes in [
            &b""[..],
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"GIF89a\x01\0\x01\0\0\0\0;",
            b"BM",
            &png[..40],
            &png[..png.len() / 2],
        ] {
            assert_eq!(square(bytes), Err(PictureError::Unreadable));
        }
    }

    #[test]
    fn what_is_seen_through_is_white() {
        let clear = RgbaImage::from_pixel(50, 50, Rgba([0, 0, 0, 0]));
        let clear = encoded(&DynamicImage::ImageRgba8(clear), ImageFormat::Png);
        let made = image::load_from_memory(&square(&clear).unwrap()).unwrap();
        assert!(is_near(*made.to_rgb8().get_pixel(90, 90), [255, 255, 255]));
    }
}
