//! Text under construction that knows its column.

/// Text to which one appends.
pub(super) struct Sheet<'o> {
    out: &'o mut String,
    /// Where the current line starts.
    line: usize,
}

impl<'o> Sheet<'o> {
    pub(super) fn new(out: &'o mut String) -> Self {
        let line = out.len();
        Self { out, line }
    }

    #[inline]
    pub(super) fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    #[inline]
    pub(super) fn push_char(&mut self, character: char) {
        self.out.push(character);
    }

    /// Ends the line with a character that itself is a line break.
    pub(super) fn break_with(&mut self, character: char) {
        self.out.push(character);
        self.line = self.out.len();
    }

    /// Bytes on the current line; at least as many as columns.
    #[inline]
    pub(super) fn width(&self) -> usize {
        self.out.len() - self.line
    }

    /// Characters on the current line.
    pub(super) fn column(&self) -> usize {
        self.out[self.line..].chars().count()
    }

    /// Ends the current line, unless nothing is on it.
    #[inline]
    pub(super) fn end_line(&mut self) {
        if self.width() > 0 {
            self.break_with('\n');
        }
    }

    /// Starts a line, indented.
    #[inline]
    pub(super) fn start_line(&mut self, indent: usize) {
        /// Pushed in one go where it suffices.
        const SPACES: &str = "                                ";
        self.end_line();
        match SPACES.get(..indent) {
            Some(spaces) => self.out.push_str(spaces),
            None => self.out.extend(std::iter::repeat_n(' ', indent)),
        }
    }
}
