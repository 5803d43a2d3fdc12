//! Which names could be taken for each other (Unicode TR 39, 4): those that are the same whatever the case,
//! and those that look the same.

use std::collections::BTreeSet;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use unicode_security::skeleton;

/// The keys of a name. Two names that share one could be taken for each other.
///
/// There are several because "l" looks like "I", which is "i" in another case: one key that joins both
/// would make "lce" and "ice" the same. The first is the form that names were taken in by older natters.
pub(super) fn of(name: &str) -> BTreeSet<String> {
    let looks = |name: &str| folded(&skeleton(name).collect::<String>());
    BTreeSet::from([
        name.to_lowercase(),
        looks(&folded(name)),
        looks(&compatible(name)),
    ])
}

/// The same for names that differ in case or in compatible characters only, such as wide letters and
/// ligatures.
pub(super) fn folded(name: &str) -> String {
    let folded = CaseMapper::new()
        .fold_string(&compatible(name))
        .into_owned();
    compatible(&folded)
}

fn compatible(name: &str) -> String {
    ComposingNormalizerBorrowed::new_nfkc()
        .normalize(name)
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(one: &str, other: &str) -> bool {
        !of(one).is_disjoint(&of(other))
    }

    #[test]
    fn names_that_could_be_taken_for_each_other_share_a_key() {
        for (one, other) in [
            ("General", "general"),
            ("STRASSE", "straße"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("general", "ｇｅｎｅｒａｌ"),
            ("finance", "ﬁnance"),
            ("admin", "аdmin"),
            ("Admin", "аdmin"),
            ("ADMIN", "АDМІN"),
            ("scope", "ѕсоре"),
            ("launch", "Iaunch"),
            ("launch", "1aunch"),
            ("O2", "02"),
            ("o2", "02"),
            ("café", "cafe\u{301}"),
            ("Ada Kim", "Ada Kіm"),
        ] {
            assert!(alike(one, other), "{one} {other}");
        }
    }

    #[test]
    fn others_do_not() {
        for (one, other) in [
            ("launch", "launch-2"),
            ("ada", "ade"),
            ("ice", "lce"),
            ("cafe", "café"),
            ("a b", "ab"),
            ("日本", "日本語"),
        ] {
            assert!(!alike(one, other), "{one} {other}");
        }
    }

    #[test]
    fn a_plain_name_has_the_one_key_that_older_natters_took() {
        assert_eq!(of("general"), BTreeSet::from(["general".to_owned()]));
        assert!(of("Release Notes").contains("release notes"));
    }
}
