//! Standard output, which whoever reads it may close.

use std::fmt::Arguments;
use std::io::Write as _;

/// Prints a line. (`println!` would panic when nobody reads any more.)
pub(super) fn line(text: Arguments<'_>) -> std::io::Result<()> {
    let mut terminal = std::io::stdout().lock();
    writeln!(terminal, "{text}")?;
    terminal.flush()
}
