//! Standard output, which whoever reads it may close, and what goes wrong.

use std::fmt::Arguments;
use std::io::Write as _;

use super::escape::escaped;

/// Prints a line. (`println!` would panic when nobody reads any more.)
pub(super) fn line(text: Arguments<'_>) -> std::io::Result<()> {
    let mut terminal = std::io::stdout().lock();
    writeln!(terminal, "{text}")?;
    terminal.flush()
}

/// Says on standard error what went wrong, on one line. Parts of it may be the words of a server, or
/// of whoever wrote a name in them.
pub(super) fn complain(text: Arguments<'_>) {
    eprintln!("{}", escaped(&text.to_string()));
}
