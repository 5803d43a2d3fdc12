//! Standard output and standard error, whose readers may be gone: `println!` and `eprintln!` would panic
//! then.

use std::fmt::Arguments;
use std::io::Write as _;

use super::escape::escaped;

/// Prints a line.
pub(super) fn line(text: Arguments<'_>) -> std::io::Result<()> {
    let mut terminal = std::io::stdout().lock();
    writeln!(terminal, "{text}")?;
    terminal.flush()
}

/// Prints a line on standard error, if somebody reads it: a note beside a command's output.
pub(super) fn note(text: Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints an error on standard error, on one line. Control characters are escaped: parts of the text may
/// come from a server, or be a name that somebody else chose.
pub(super) fn complain(text: Arguments<'_>) {
    note(format_args!("{}", escaped(&text.to_string())));
}
