//! Many packs into one.
//!
//! Every fetch leaves a pack, and Git's library here never rewrites them. So when there are many, all but the largest
//! become one: the history stays where it is, and what came since is copied as it lies, deltas and all. Nothing is
//! dropped, so a commit held for a rollback stays. Readers go on: they keep the old files open or look again.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufReader, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use gix::{
    ObjectId,
    error::{ResultExt, message},
    progress::Discard,
};
use gix_pack::data::output;

use crate::wire::pack_directory;

/// Rewrites when there are more than `most` packs.
pub(super) fn compact(
    repository: &gix::Repository,
    most: usize,
    halt: &AtomicBool,
) -> gix::Result<bool> {
    let directory = pack_directory(repository);
    let mut packs = packs(&directory).or_raise(|| message("the packs cannot be listed"))?;
    if packs.len() <= most.max(1) {
        return Ok(false);
    }
    packs.sort_by_key(|(_, bytes)| *bytes);
    let largest = packs.pop().map(|(index, _)| ids(&index)).transpose()?;
    let largest = largest.unwrap_or_default();
    let mut wanted = BTreeSet::new();
    for (index, _) in &packs {
        wanted.extend(ids(index)?.difference(&largest));
    }
    let written = match wanted.is_empty() {
        true => None,
        false => Some(write(repository, &directory, wanted, halt)?),
    };
    for (index, _) in &packs {
        if written.as_ref() != Some(index) {
            remove(index).or_raise(|| message("an old pack cannot be removed"))?;
        }
    }
    Ok(true)
}

/// The index of every pack, with the size of its data.
fn packs(directory: &Path) -> std::io::Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|is| is == "idx") {
            let bytes = fs::metadata(path.with_extension("pack"))?.len();
            found.push((path, bytes));
        }
    }
    Ok(found)
}

fn ids(index: &Path) -> gix::Result<BTreeSet<ObjectId>> {
    let index = gix_pack::index::File::at(index, gix::hash::Kind::Sha1)?;
    Ok(index.iter().map(|entry| entry.oid).collect())
}

/// Writes one pack of the objects and its index; the index's path is the answer.
fn write(
    repository: &gix::Repository,
    directory: &Path,
    wanted: BTreeSet<ObjectId>,
    halt: &AtomicBool,
) -> gix::Result<PathBuf> {
    let mut objects = (*repository.objects).clone();
    objects.prevent_pack_unload();
    let (counts, _) = output::count::objects_unthreaded(
        &objects,
        &mut wanted.into_iter().map(Ok),
        &Discard,
        halt,
        output::count::objects::ObjectExpansion::AsIs,
    )?;
    let number = u32::try_from(counts.len()).or_raise(|| message("too many objects for a pack"))?;
    let options = output::entry::iter_from_counts::Options {
        thread_limit: Some(1),
        ..Default::default()
    };
    let version = options.version;
    let entries = output::entry::iter_from_counts(counts, objects, Box::new(Discard), options)?;
    let entries = gix::parallel::InOrderIter::from(entries);
    let raw = tempfile::tempfile_in(directory).or_raise(|| message("no room for a pack"))?;
    let hash = repository.object_hash();
    let mut bytes =
        output::bytes::FromEntriesIter::new(entries, BufWriter::new(raw), number, version, hash);
    for step in bytes.by_ref() {
        step?;
    }
    index(bytes.into_write(), directory, repository, halt)
}

/// Reads the raw pack back, checking every object, and puts it in place with its index.
fn index(
    raw: BufWriter<fs::File>,
    directory: &Path,
    repository: &gix::Repository,
    halt: &AtomicBool,
) -> gix::Result<PathBuf> {
    let rewind = || -> std::io::Result<fs::File> {
        let mut raw = raw.into_inner()?;
        raw.flush()?;
        raw.seek(SeekFrom::Start(0))?;
        Ok(raw)
    };
    let raw = rewind().or_raise(|| message("the new pack cannot be written"))?;
    let outcome = gix_pack::Bundle::write_to_directory(
        &mut BufReader::new(raw),
        Some(directory),
        &mut Discard,
        halt,
        None::<gix::OdbHandle>,
        repository.object_hash(),
        gix_pack::bundle::write::Options {
            thread_limit: Some(2),
            ..Default::default()
        },
    )?;
    if let Some(keep) = outcome.keep_path {
        fs::remove_file(keep).or_raise(|| message("the pack's .keep file does not go away"))?;
    }
    let index = outcome.index_path.map(Ok);
    index.unwrap_or_else(|| Err(message("the new pack has no index").into()))
}

/// The index first: a pack without one is not looked for.
pub(super) fn remove(index: &Path) -> std::io::Result<()> {
    fs::remove_file(index)?;
    fs::remove_file(index.with_extension("pack"))
}
