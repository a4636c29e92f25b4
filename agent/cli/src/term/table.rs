//! Columns of text, as wide as their widest cell; colour takes no room.

use std::io::{self, Write};

use anstyle::Style;

use super::style;

/// Columns, rows, and remarks below rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Row>,
}

/// Text in one style.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

#[derive(Clone, Debug)]
struct Row {
    cells: Vec<Cell>,
    remarks: Vec<Cell>,
}

impl Cell {
    /// `text` in `style`.
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            style,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text, style::PLAIN)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(text, style::PLAIN)
    }
}

impl Table {
    /// An empty table.
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(Row {
            cells,
            remarks: Vec::new(),
        });
    }

    /// Adds a line below the last row, indented; a text of several lines becomes several.
    pub(crate) fn remark(&mut self, text: &str, style: Style) {
        if let Some(row) = self.rows.last_mut() {
            row.remarks
                .extend(text.lines().map(|line| Cell::new(line, style)));
        }
    }

    /// How many lines it takes.
    pub(crate) fn height(&self) -> usize {
        1 + self
            .rows
            .iter()
            .map(|row| 1 + row.remarks.len())
            .sum::<usize>()
    }

    /// Writes it.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let head: Vec<Cell> = self
            .head
            .iter()
            .map(|text| Cell::new(*text, style::DIM))
            .collect();
        let widths = self.widths();
        line(out, &head, &widths)?;
        for row in &self.rows {
            line(out, &row.cells, &widths)?;
            for Cell { text, style } in &row.remarks {
                writeln!(out, "    {style}{text}{style:#}")?;
            }
        }
        Ok(())
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.head.iter().map(|text| text.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        widths
    }
}

/// Writes one line; nothing follows the last cell's text.
fn line(out: &mut impl Write, cells: &[Cell], widths: &[usize]) -> io::Result<()> {
    let last = cells.iter().rposition(|cell| !cell.text.is_empty());
    for (index, (Cell { text, style }, width)) in cells.iter().zip(widths).enumerate() {
        if Some(index) == last {
            return writeln!(out, "{style}{text}{style:#}");
        }
        let room = width - text.chars().count() + 2;
        write!(out, "{style}{text}{style:#}{:room$}", "")?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_remarks_stand_below() {
        let mut table = Table::new(&["NAME", "STATE"]);
        table.row(vec![Cell::new("a", style::GOOD), "Ready".into()]);
        table.row(vec!["longer".into(), "".into()]);
        table.remark("one\ntwo", style::PLAIN);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        assert_eq!(
            text,
            "NAME    STATE\na       Ready\nlonger\n    one\n    two\n"
        );
        assert_eq!(text.lines().count(), table.height());
    }
}
