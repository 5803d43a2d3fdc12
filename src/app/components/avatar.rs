//! A person's picture, or their initials on a colour of their own.

use leptos::prelude::*;
use unicode_segmentation::UnicodeSegmentation as _;

/// How many colours there are; the stylesheet has a class for each.
const HUES: u32 = 12;

/// Their picture over the initials of `name` on the colour of `uid`. It stands beside the name, so
/// it says nothing to who cannot see it.
#[component]
pub(in super::super) fn Avatar(
    /// Who: decides the colour, which stays when the name changes.
    uid: String,
    /// What others see of them.
    #[prop(into)]
    name: Signal<String>,
    /// The name of their picture; empty for none.
    #[prop(into)]
    picture: Signal<String>,
    /// Is it to be large?
    #[prop(optional)]
    large: bool,
) -> impl IntoView {
    let class = format!("avatar hue-{}", hue(&uid));
    let shown = move || {
        let name = picture.get();
        let address = format!("/pictures/{name}");
        (!name.is_empty()).then(|| view! { <img src=address alt="" decoding="async" /> })
    };
    view! {
        <span class=class class:large=large aria-hidden="true">
            {move || initials(&name.get())}
            {shown}
        </span>
    }
}

fn hue(uid: &str) -> u32 {
    // FNV-1a: the same in every browser and at every visit.
    uid.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    }) % HUES
}

/// The first letters of the first and the last word, each with all that belongs to it: marks, and the parts
/// of an emoji.
fn initials(name: &str) -> String {
    let mut words = name
        .split_whitespace()
        .filter_map(|word| word.graphemes(true).next());
    let first = words.next();
    let last = words.next_back();
    first
        .into_iter()
        .chain(last)
        .map(str::to_uppercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_those_of_the_first_and_last_word() {
        for (name, letters) in [
            ("Ada Kim", "AK"),
            ("ada", "A"),
            ("a b c", "AC"),
            ("", ""),
            ("élan vital", "ÉV"),
            ("e\u{301}lan vital", "E\u{301}V"),
            ("👩‍👩‍👧 Kim", "👩‍👩‍👧K"),
            ("🇩🇪", "🇩🇪"),
            ("नि शा", "निशा"),
        ] {
            assert_eq!(initials(name), letters);
        }
    }
}
