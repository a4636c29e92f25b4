//! The files of a commit, for the renderer.

use render::MemTree;

use super::{Git, GitError};

/// Reads all regular files of `commit`. Symlinks and submodules are left out, since a render never follows them.
pub(crate) fn tree(git: &Git, commit: &str) -> Result<MemTree, GitError> {
    let listed = git.run(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
    let files: Vec<(&str, &str)> = listed.split('\0').filter_map(file).collect();
    let wanted: Vec<&str> = files.iter().flat_map(|(blob, _)| [*blob, "\n"]).collect();
    let mut rest = &git.bytes(&["cat-file", "--batch"], wanted.concat().as_bytes())?[..];
    let mut tree = MemTree::default();
    for (_, path) in files {
        let Some(content) = next(&mut rest) else {
            break;
        };
        tree = tree.with(path, content);
    }
    Ok(tree)
}

/// Blob and path of a line `100644 blob 4f2c…<tab>overlays/a/kustomization.yaml`.
fn file(line: &str) -> Option<(&str, &str)> {
    let (facts, path) = line.split_once('\t')?;
    let mut facts = facts.split(' ');
    let mode = facts.next()?;
    let blob = facts.nth(1)?;
    mode.starts_with("100").then_some((blob, path))
}

/// The next object of `<id> blob <size>\n<content>\n…`.
fn next<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&rest[..end]).ok()?;
    let size: usize = head.rsplit(' ').next()?.parse().ok()?;
    let content = rest.get(end + 1..end + 1 + size)?;
    *rest = rest.get(end + 2 + size..).unwrap_or_default();
    Some(content)
}
