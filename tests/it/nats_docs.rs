//! `docs/nats-client.md` names tests; they are there.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_test_that_the_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/nats-client.md")).unwrap();
    let mut tests = BTreeSet::new();
    for folder in ["src/nats", "tests/it"] {
        read_names(&root.join(folder), &mut tests);
    }
    let spans = page.split('`').skip(1).step_by(2);
    let named: Vec<_> = spans
        .filter_map(|span| Some(span.split_once("::")?.1))
        .filter(|name| *name != "…")
        .collect();
    assert!(named.len() > 80, "{} are named", named.len());
    for name in named {
        assert!(tests.contains(name), "there is no test {name}");
    }
}

/// The name of every function.
fn read_names(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_names(&path, names);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let after = text.split("fn ").skip(1);
        names.extend(after.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
    }
}
