//! How much memory a picture takes while it is decoded, told by the head of its file.

use image::{ImageDecoder, ImageFormat};

/// What decoding takes at most, for the pixels and what the decoder keeps beside them. `None`: more
/// than can be counted.
pub(super) fn bytes(format: ImageFormat, file: &[u8], decoder: &impl ImageDecoder) -> Option<u64> {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let beside = match format {
        ImageFormat::Jpeg => coefficients(file, pixels)?,
        // Of what is lossless or moves, image-webp decodes a frame apart, and pastes it into another.
        ImageFormat::WebP => pixels.checked_mul(8)?,
        // A row at a time.
        _ => 0,
    };
    decoder.total_bytes().checked_add(beside)
}

/// A JPEG whose components do not come together, such as a progressive one, is held as coefficients
/// of 16 bits until the last scan has come (ITU-T T.81, B.2).
fn coefficients(file: &[u8], pixels: u64) -> Option<u64> {
    let (mut components, mut bytes, mut is_held) = (0, 0, false);
    let mut rest = file.get(2..)?;
    loop {
        let [0xff, marker, tail @ ..] = rest else {
            return None;
        };
        if *marker == 0xff {
            rest = rest.get(1..)?;
            continue;
        }
        let (length, _) = tail.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let segment = tail.get(2..length)?;
        match marker {
            0xda => {
                is_held |= segment.first()? < &components;
                return Some(if is_held { bytes } else { 0 });
            }
            // The head of a frame; between them are tables, and what is kept for extensions.
            0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(marker) => {
                is_held |= marker & 0b11 == 0b10;
                components = *segment.get(5)?;
                bytes = bytes.max(held(segment.get(6..)?, pixels)?);
            }
            _ => {}
        }
        rest = tail.get(length..)?;
    }
}

/// The bytes of the coefficients of these components. Of some there is one for several pixels.
fn held(components: &[u8], pixels: u64) -> Option<u64> {
    let factors = components.chunks_exact(3).map(|component| {
        let both = component.get(1).copied().unwrap_or_default();
        (u64::from(both >> 4), u64::from(both & 0xf))
    });
    let factors: Vec<_> = factors.collect();
    let across = factors.iter().map(|(across, _)| *across).max()?;
    let down = factors.iter().map(|(_, down)| *down).max()?;
    let samples: u64 = factors.iter().map(|(across, down)| across * down).sum();
    let bytes = pixels.checked_mul(2 * samples)?;
    (across * down > 0).then(|| bytes.div_ceil(across * down))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A JPEG up to its first scan.
    fn head(frame: u8, factors: &[u8], in_scan: u8) -> Vec<u8> {
        let count = u8::try_from(factors.len()).unwrap();
        let mut file = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff];
        file.extend([
            0xff,
            frame,
            0,
            8 + 3 * count,
            8,
            0x13,
            0x88,
            0x17,
            0x70,
            count,
        ]);
        for (id, both) in (1..).zip(factors) {
            file.extend([id, *both, 0]);
        }
        file.extend([0xff, 0xda, 0, 3, in_scan]);
        file
    }

    #[test]
    fn a_jpeg_whose_components_come_apart_is_held_as_coefficients() {
        let pixels = 30_000_000;
        for (frame, factors, in_scan, held) in [
            (0xc0, &[0x22, 0x11, 0x11][..], 3, 0),
            (0xc0, &[0x11, 0x11, 0x11], 3, 0),
            (0xc0, &[0x11, 0x11, 0x11], 1, 180_000_000),
            (0xc2, &[0x22, 0x11, 0x11], 3, 90_000_000),
            (0xc2, &[0x21, 0x11, 0x11], 3, 120_000_000),
            (0xc2, &[0x11, 0x11, 0x11], 3, 180_000_000),
            (0xc2, &[0x11], 1, 60_000_000),
            (0xc6, &[0x11, 0x11, 0x11, 0x11], 4, 240_000_000),
        ] {
            let file = head(frame, factors, in_scan);
            assert_eq!(
                coefficients(&file, pixels),
                Some(held),
                "{frame:x} {factors:x?}"
            );
        }
    }

    #[test]
    fn a_head_that_breaks_off_cannot_be_counted() {
        let file = head(0xc2, &[0x22, 0x11, 0x11], 3);
        for end in 0..file.len() {
            assert_eq!(coefficients(&file[..end], 1), None, "{end}");
        }
    }
}
