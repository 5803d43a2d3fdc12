//! Decodes a picture and cuts its middle out in the memory that it was decoded into. A copy of a large
//! picture would take as much again.

use image::{ColorType, DynamicImage, ImageBuffer, ImageDecoder, Pixel};

use super::{PictureError, why};

/// The largest square in the middle, with 8 bits a colour.
pub(super) fn middle(decoder: impl ImageDecoder) -> Result<DynamicImage, PictureError> {
    let (width, height) = decoder.dimensions();
    let kind = decoder.color_type();
    let bytes = usize::try_from(decoder.total_bytes()).map_err(|_| PictureError::TooLarge)?;
    let mut pixels = vec![0; bytes];
    decoder.read_image(&mut pixels).map_err(why)?;
    if matches!(
        kind,
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16
    ) {
        halve(&mut pixels);
    }
    let (side, channels) = (width.min(height), usize::from(kind.channel_count()));
    let [width, height] = [width, height].map(|pixels| pixels as usize);
    keep_middle(&mut pixels, width, height, channels);
    match channels {
        1 => whole(side, pixels).map(DynamicImage::ImageLuma8),
        2 => whole(side, pixels).map(DynamicImage::ImageLumaA8),
        3 => whole(side, pixels).map(DynamicImage::ImageRgb8),
        _ => whole(side, pixels).map(DynamicImage::ImageRgba8),
    }
}

/// Keeps the more significant byte of each two.
fn halve(samples: &mut Vec<u8>) {
    let half = samples.len() / 2;
    for at in 0..half {
        let pair = samples.get(2 * at..2 * at + 2);
        let Some(&[first, second]) = pair else {
            break;
        };
        let more_significant = u16::from_ne_bytes([first, second]).to_be_bytes()[0];
        if let Some(sample) = samples.get_mut(at) {
            *sample = more_significant;
        }
    }
    samples.truncate(half);
}

/// Of pixels of so many bytes, keeps the middle square.
fn keep_middle(bytes: &mut Vec<u8>, width: usize, height: usize, pixel: usize) {
    let side = width.min(height);
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    for row in 0..side {
        let from = ((top + row) * width + left) * pixel;
        bytes.copy_within(from..from + side * pixel, row * side * pixel);
    }
    bytes.truncate(side * side * pixel);
}

fn whole<P: Pixel<Subpixel = u8>>(
    side: u32,
    pixels: Vec<u8>,
) -> Result<ImageBuffer<P, Vec<u8>>, PictureError> {
    ImageBuffer::from_raw(side, side, pixels).ok_or(PictureError::Unreadable)
}
