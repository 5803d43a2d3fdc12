//! Standard output, which its reader may close, and error messages.

use std::fmt::Arguments;
use std::io::Write as _;

use super::escape::escaped;

/// Prints a line. (`println!` would panic when nobody reads any more.)
pub(super) fn line(text: Arguments<'_>) -> std::io::Result<()> {
    let mut terminal = std::io::stdout().lock();
    writeln!(terminal, "{text}")?;
    terminal.flush()
}

/// Prints an error on standard error, on one line. Control characters are escaped: parts of the text may
/// come from a server, or be a name that somebody else chose.
pub(super) fn complain(text: Arguments<'_>) {
    eprintln!("{}", escaped(&text.to_string()));
}
