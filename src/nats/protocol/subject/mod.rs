//! Subjects and patterns (ADR-6): tokens between dots; in patterns `*` stands for one token and a
//! last `>` for all the rest.

mod received;
mod reply;
#[cfg(test)]
mod tests;

pub use received::Subject;
pub use reply::ReplySubject;

/// The longest: with a reply subject as long it fits the server's line of 4,096 bytes. The server
/// ends the connection over a longer line.
const SUBJECT_BYTES: usize = 1_024;

/// Can a message be published there? No wildcard, no empty token, nothing that would end the
/// protocol's line.
#[must_use]
pub fn is_subject(text: &str) -> bool {
    has_good_tokens(text) && !text.split('.').any(|token| matches!(token, "*" | ">"))
}

/// Can this be subscribed to?
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    let rest = text.split('.').position(|token| token == ">");
    let last = text.split('.').count() - 1;
    has_good_tokens(text) && rest.is_none_or(|at| at == last)
}

fn has_good_tokens(text: &str) -> bool {
    let ends_the_line = |b: u8| b.is_ascii_whitespace() || b.is_ascii_control();
    text.len() <= SUBJECT_BYTES
        && !text.bytes().any(ends_the_line)
        && text.split('.').all(|token| !token.is_empty())
}

/// Does a subject match a pattern?
#[must_use]
pub fn matches_pattern(pattern: &str, subject: &str) -> bool {
    !subject.is_empty() && covers(pattern, subject)
}

/// Does everything that matches `pattern` match `of` too? The server lets a client subscribe only
/// to what is a subset of one thing that it may read.
#[must_use]
pub fn is_subset(pattern: &str, of: &str) -> bool {
    !pattern.is_empty() && covers(of, pattern)
}

/// Token by token; a subject is a pattern without wildcards.
fn covers(wide: &str, narrow: &str) -> bool {
    let (mut wide, mut narrow) = (wide.split('.'), narrow.split('.'));
    loop {
        match (wide.next(), narrow.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(token)) if token != ">" => {}
            (Some(wanted), Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
}
