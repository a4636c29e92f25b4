//! Which key or item a comment is about, as go-yaml v3 decides it.
//!
//! A comment behind something is about what began last. One on a line of its own is about what follows, unless it
//! stands further in than that, or right after a value and before a blank line: then it is about what came before.

use crate::yaml::scan::comments::Comment;
use crate::{Kind, Node, Remarks};

/// A key with its value, or an item, in the order of the text.
struct Element {
    line: u32,
    column: u32,
    /// The one that it is inside of.
    parent: Option<usize>,
    is_item: bool,
    remarks: Remarks,
}

/// Comments on consecutive lines that begin in the same column.
struct Group<'c, 't> {
    lines: Vec<&'c Comment<'t>>,
}

struct Attaching {
    elements: Vec<Element>,
    /// What stands below the whole document.
    end: Vec<String>,
}

/// Notes each of `comments` with what it is about.
pub(super) fn attach(document: &mut Node, comments: &[Comment<'_>]) {
    if comments.is_empty() {
        return;
    }
    let mut elements = Vec::new();
    list(document, None, &mut elements);
    if elements.is_empty() {
        return;
    }
    let mut attaching = Attaching {
        elements,
        end: Vec::new(),
    };
    attaching.behind(comments);
    attaching.alone(comments);
    let mut remarks = attaching
        .elements
        .into_iter()
        .map(|element| element.remarks);
    let mut line = 0;
    give(document, &mut line, &mut remarks);
    document.note.get_or_insert_default().remarks.below = attaching.end;
}

/// The children of a map or list that is not in brackets, and whether they are items.
fn children(node: &Node) -> (Vec<&Node>, bool) {
    match &node.kind {
        _ if node.is_flow() => (Vec::new(), false),
        Kind::Map(map) => (map.iter().map(|entry| &entry.value).collect(), false),
        Kind::Seq(items) => (items.iter().collect(), true),
        Kind::Scalar(_) => (Vec::new(), false),
    }
}

fn place(node: &Node) -> Option<(u32, u32)> {
    node.note.as_ref()?.remarks.place
}

/// What an alias or a merge repeats stands further up and is left out.
fn list(node: &Node, parent: Option<usize>, out: &mut Vec<Element>) {
    let (all, is_item) = children(node);
    for child in all {
        let before = out.last().map_or(0, |element| element.line);
        let Some((line, column)) = place(child).filter(|(line, _)| *line >= before) else {
            continue;
        };
        out.push(Element {
            line,
            column,
            parent,
            is_item,
            remarks: Remarks::default(),
        });
        list(child, Some(out.len() - 1), out);
    }
}

/// The same walk, with something for everybody.
fn give(node: &mut Node, before: &mut u32, remarks: &mut impl Iterator<Item = Remarks>) {
    let all: Vec<&mut Node> = match &mut node.kind {
        _ if node.note.as_ref().is_some_and(|note| note.flow) => return,
        Kind::Map(map) => map.iter_mut().map(|entry| &mut entry.value).collect(),
        Kind::Seq(items) => items.iter_mut().collect(),
        Kind::Scalar(_) => return,
    };
    for child in all {
        let Some((line, _)) = place(child).filter(|(line, _)| line >= before) else {
            continue;
        };
        *before = line;
        if let Some(given) = remarks.next() {
            child.note.get_or_insert_default().remarks = given;
        }
        give(child, before, remarks);
    }
}

impl Attaching {
    fn behind(&mut self, comments: &[Comment<'_>]) {
        for comment in comments.iter().filter(|comment| !comment.alone) {
            let begun = self.begun(comment.line);
            let last = begun
                .checked_sub(1)
                .and_then(|at| self.elements.get_mut(at));
            if let Some(element) = last {
                let behind = &mut element.remarks.behind;
                behind.get_or_insert_with(|| comment.text.to_owned());
            }
        }
    }

    /// How many have begun on or before a line.
    fn begun(&self, line: u32) -> usize {
        self.elements
            .partition_point(|element| element.line <= line)
    }

    fn alone(&mut self, comments: &[Comment<'_>]) {
        let mut gaps: Vec<(usize, Vec<Group<'_, '_>>)> = Vec::new();
        for comment in comments.iter().filter(|comment| comment.alone) {
            let next = self.begun(comment.line);
            if gaps.last().is_none_or(|gap| gap.0 != next) {
                gaps.push((next, Vec::new()));
            }
            let groups = &mut gaps.last_mut().expect("a gap, because one was just made").1;
            match groups.last_mut().filter(|group| group.goes_on(comment)) {
                Some(group) => group.lines.push(comment),
                None => groups.push(Group {
                    lines: vec![comment],
                }),
            }
        }
        for (next, groups) in &gaps {
            match next.checked_sub(1) {
                None => self.at_the_top(groups),
                Some(last) if *next == self.elements.len() => self.at_the_end(last, groups),
                Some(last) => self.between(last, *next, groups),
            }
        }
    }

    fn at_the_top(&mut self, groups: &[Group<'_, '_>]) {
        for group in groups {
            self.above(0, group);
        }
        if groups.last().is_some_and(Group::is_before_blank) {
            self.elements[0].remarks.above.push(String::new());
        }
    }

    fn at_the_end(&mut self, last: usize, groups: &[Group<'_, '_>]) {
        let margin = self.elements[0].column;
        for group in groups {
            let is_apart = group.is_after_blank() || !self.end.is_empty();
            if group.column() <= margin && is_apart {
                self.end.push(String::new());
                self.end.extend(group.texts());
                continue;
            }
            let chain = self.chain(last);
            let fits = |at: &&usize| self.elements[**at].column <= group.column();
            let about = chain.iter().find(fits).or(chain.last());
            if let Some(about) = about.copied() {
                self.elements[about].remarks.below.extend(group.texts());
            }
        }
    }

    fn between(&mut self, last: usize, next: usize, groups: &[Group<'_, '_>]) {
        let inside = self.elements[next].parent == Some(last);
        if let (true, [group]) = (inside && self.elements[last].is_item, groups)
            && let [only] = &group.lines[..]
        {
            let behind = &mut self.elements[last].remarks.behind;
            behind.get_or_insert_with(|| only.text.to_owned());
            return;
        }
        let mut chosen: Option<u32> = None;
        for (at, group) in groups.iter().enumerate() {
            let left = self.left(last, next, group, chosen).filter(|_| !inside);
            let foot = at == 0 && !group.is_after_blank() && group.is_before_blank();
            if let Some(about) = left {
                chosen = Some(self.elements[about].column);
                self.elements[about].remarks.below.extend(group.texts());
            } else if let Some(about) = self.sibling(last, next).filter(|_| foot && !inside) {
                self.elements[about].remarks.below.extend(group.texts());
            } else {
                self.above(next, group);
            }
        }
    }

    /// The one that ends before `next` and that a comment further in than `next` is about: the innermost, and for
    /// those after it the ones around that.
    fn left(
        &self,
        last: usize,
        next: usize,
        group: &Group<'_, '_>,
        chosen: Option<u32>,
    ) -> Option<usize> {
        let edge = self.elements[next].column;
        if group.column() <= edge {
            return None;
        }
        let mut ended = self.chain(last).into_iter();
        ended.find(|at| {
            let column = self.elements[*at].column;
            column > edge
                && match chosen {
                    None => true,
                    Some(before) if group.column() >= before => column == before,
                    Some(before) => column < before && column <= group.column(),
                }
        })
    }

    /// The one beside `next` that `last` is in.
    fn sibling(&self, last: usize, next: usize) -> Option<usize> {
        let parent = self.elements[next].parent;
        let mut chain = self.chain(last).into_iter();
        chain.find(|at| self.elements[*at].parent == parent)
    }

    /// This one and those that it is inside of.
    fn chain(&self, at: usize) -> Vec<usize> {
        std::iter::successors(Some(at), |at| self.elements[*at].parent).collect()
    }

    fn above(&mut self, at: usize, group: &Group<'_, '_>) {
        let above = &mut self.elements[at].remarks.above;
        if !above.is_empty() && group.is_after_blank() {
            above.push(String::new());
        }
        above.extend(group.texts());
    }
}

impl<'t> Group<'_, 't> {
    fn goes_on(&self, comment: &Comment<'t>) -> bool {
        let last = self.lines[self.lines.len() - 1];
        last.line + 1 == comment.line && last.column == comment.column
    }

    fn column(&self) -> u32 {
        self.lines[0].column
    }

    fn is_after_blank(&self) -> bool {
        self.lines[0].after_blank
    }

    fn is_before_blank(&self) -> bool {
        self.lines[self.lines.len() - 1].before_blank
    }

    fn texts(&self) -> impl Iterator<Item = String> {
        self.lines.iter().map(|comment| comment.text.to_owned())
    }
}
