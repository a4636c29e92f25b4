//! The few styles in use, and the sign that stands for each.

use anstyle::{AnsiColor, Style};

/// All is well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Somebody has to look.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// Under way.
pub(crate) const WAIT: Style = AnsiColor::Yellow.on_default();
/// Worth knowing.
pub(crate) const NOTE: Style = AnsiColor::Cyan.on_default();
/// Less important.
pub(crate) const DIM: Style = Style::new().dimmed();
/// A heading.
pub(crate) const HEAD: Style = Style::new().bold();
/// Nothing special.
pub(crate) const PLAIN: Style = Style::new();
