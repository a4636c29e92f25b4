//! What was applied, on disk, so that putting one object right need not render them all.
//!
//! Written behind the back of an environment once all of a revision is applied, and read object by object. It is a cache
//! and no truth: whoever reads an object judges it by the digest that the inventory recorded. Secrets are never in it,
//! and nothing of it is held in memory but where it is.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use krm::ObjectId;
use plan::desired::{Desired, Origin};
use serde_json::Value;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::hashed::hash;

/// The folder of all archives below the cache.
const FOLDER: &str = "applied";
/// Bytes of a [`Place`] in the file.
const PLACE: u64 = 24;

/// Where archives are written.
#[derive(Clone, Debug)]
pub(crate) struct Archives(PathBuf);

/// The archive of one environment, which may still be on its way to the disk.
#[derive(Default)]
pub(crate) struct Archived {
    coming: Option<JoinHandle<Option<Archive>>>,
    there: Option<Archive>,
}

/// The objects of one environment as they were last applied. Its file goes with it.
pub(crate) struct Archive {
    path: PathBuf,
    /// Where the places begin, which are sorted.
    places: u64,
    /// How many there are.
    written: u64,
    /// How many objects git asks for, those that are not written included.
    pub(crate) objects: usize,
    /// Tells apart what is in it.
    print: u64,
}

/// Where in the file an object is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// A hash of its id; that of another id is found out by the digest.
    id: u64,
    start: u64,
    length: u64,
}

/// A rendered object and where it is written.
type Object = (Value, Option<Origin>);

impl Archives {
    /// Below `cache`. What another process has left there is removed.
    pub(crate) fn below(cache: &Path) -> io::Result<Self> {
        let folder = cache.join(FOLDER);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(&folder)?,
        }
        Ok(Self(folder))
    }
}

impl Archived {
    /// Begins to write what is applied now to the archive of `label`, unless just that is there.
    pub(crate) async fn keep(&mut self, archives: &Archives, label: &str, desired: Vec<Desired>) {
        let print = print(&desired);
        if self.get().await.is_some_and(|there| there.print == print) {
            return;
        }
        self.there = None;
        let path = archives.0.join(label);
        self.coming = Some(spawn_blocking(move || {
            let written = Archive::write(&path, print, &desired);
            let warn = |error: &io::Error| {
                tracing::debug!(path = %path.display(), %error, "what was applied cannot be kept on disk; each repair renders it again");
            };
            written.inspect_err(warn).ok()
        }));
    }

    /// The archive, once it is written. `None` if there is none.
    pub(crate) async fn get(&mut self) -> Option<&Archive> {
        if let Some(coming) = self.coming.take() {
            self.there = coming.await.ok().flatten();
        }
        self.there.as_ref()
    }

    /// The objects called `ids`. `None` if one of them is not in the archive, or it cannot be read.
    pub(crate) async fn objects(&mut self, ids: &BTreeSet<ObjectId>) -> Option<Vec<Object>> {
        match self.get().await?.objects_of(ids) {
            Ok(objects) => objects,
            Err(error) => {
                tracing::debug!(%error, "the archive cannot be read");
                self.there = None;
                None
            }
        }
    }
}

impl Archive {
    fn write(path: &Path, print: u64, desired: &[Desired]) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = BufWriter::new(options.open(path)?);
        let mut places = Vec::with_capacity(desired.len());
        let mut start = 0;
        for object in desired.iter().filter(|object| !is_secret(&object.id)) {
            let origin = object.origin.as_ref();
            let origin = origin.map(|origin| (&origin.file, origin.line));
            let text = serde_json::to_vec(&(object.whole(), origin))?;
            file.write_all(&text)?;
            let (id, length) = (hash(&object.id), text.len() as u64);
            places.push(Place { id, start, length });
            start += length;
        }
        places.sort_unstable();
        for Place { id, start, length } in &places {
            for number in [id, start, length] {
                file.write_all(&number.to_le_bytes())?;
            }
        }
        file.flush()?;
        Ok(Self {
            path: path.to_owned(),
            places: start,
            written: places.len() as u64,
            objects: desired.len(),
            print,
        })
    }

    fn objects_of(&self, ids: &BTreeSet<ObjectId>) -> io::Result<Option<Vec<Object>>> {
        let mut file = File::open(&self.path)?;
        let mut objects = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(place) = self.find(&mut file, hash(id))? else {
                return Ok(None);
            };
            file.seek(SeekFrom::Start(place.start))?;
            let mut text = Vec::new();
            (&file).take(place.length).read_to_end(&mut text)?;
            let (body, origin): (Value, Option<(String, u32)>) = serde_json::from_slice(&text)?;
            let origin = origin.map(|(file, line)| Origin { file, line });
            objects.push((body, origin));
        }
        Ok(Some(objects))
    }

    /// Looks for an id by halves, so that the places need not be held.
    fn find(&self, file: &mut File, id: u64) -> io::Result<Option<Place>> {
        let (mut low, mut high) = (0, self.written);
        while low < high {
            let middle = low.midpoint(high);
            let place = self.place(file, middle)?;
            match place.id.cmp(&id) {
                std::cmp::Ordering::Equal => return Ok(Some(place)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    fn place(&self, file: &mut File, number: u64) -> io::Result<Place> {
        file.seek(SeekFrom::Start(self.places + number * PLACE))?;
        let mut next = || {
            let mut bytes = [0; 8];
            file.read_exact(&mut bytes)?;
            io::Result::Ok(u64::from_le_bytes(bytes))
        };
        let (id, start, length) = (next()?, next()?, next()?);
        Ok(Place { id, start, length })
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        // What stays is removed by the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What git says of a Secret is not written to another place on disk.
fn is_secret(id: &ObjectId) -> bool {
    id.group.is_empty() && id.kind == "Secret"
}

/// The same for the same objects, for as long as the process runs.
fn print(desired: &[Desired]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for object in desired {
        (&object.id, &object.digest).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use krm::Gvk;
    use plan::desired::{Scopes, Target, desire};
    use serde_json::json;

    use super::*;

    struct InNamespaces;

    impl Scopes for InNamespaces {
        fn namespaced(&self, _: &Gvk) -> Option<bool> {
            Some(true)
        }
    }

    fn desired(kind: &str, names: &[&str], value: &str) -> Vec<Desired> {
        let object = |name: &&str| {
            let origin = Origin {
                file: format!("{name}.yaml"),
                line: 3,
            };
            let body = json!({
                "apiVersion": "v1", "kind": kind, "metadata": { "name": name },
                "data": { "key": value, "same": "MTIzNA==" },
            });
            (body, Some(origin))
        };
        let target = Target {
            environment: "shop.production",
            namespace: "shop",
            ignore: &[],
        };
        let desires = desire(names.iter().map(object), &target, &InNamespaces);
        assert_eq!(desires.refused, []);
        desires.objects
    }

    /// What the archive says of `asked`, made ready once more.
    async fn read(archived: &mut Archived, asked: &[Desired]) -> Option<Vec<Desired>> {
        let ids = asked.iter().map(|object| object.id.clone()).collect();
        let objects = archived.objects(&ids).await?;
        let target = Target {
            environment: "shop.production",
            namespace: "shop",
            ignore: &[],
        };
        Some(desire(objects, &target, &InNamespaces).objects)
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[tokio::test]
    async fn objects_come_back_as_they_were_and_others_are_not_there() {
        let folder = folder();
        let archives = Archives::below(folder.path()).unwrap();
        let mut archived = Archived::default();
        let names: Vec<_> = (0..100).map(|number| format!("m{number}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let all = desired("ConfigMap", &names, "1");
        archived
            .keep(&archives, "shop.production", all.clone())
            .await;
        for object in &all {
            let one = std::slice::from_ref(object);
            assert!(
                read(&mut archived, one).await.as_deref() == Some(one),
                "{object:?}"
            );
        }
        let three = &all[40..43];
        assert!(read(&mut archived, three).await.as_deref() == Some(three));
        let strange = desired("ConfigMap", &["m0", "strange"], "1");
        assert!(read(&mut archived, &strange).await.is_none());
    }

    #[tokio::test]
    async fn secrets_are_counted_and_never_written() {
        let folder = folder();
        let archives = Archives::below(folder.path()).unwrap();
        let mut archived = Archived::default();
        let mut all = desired("ConfigMap", &["plain"], "dG9sZA==");
        let secret = desired("Secret", &["hidden"], "aGlkZGVu");
        all.extend(secret.clone());
        archived.keep(&archives, "shop.production", all).await;
        assert_eq!(archived.get().await.map(|archive| archive.objects), Some(2));
        assert!(read(&mut archived, &secret).await.is_none());
        let file = folder.path().join(FOLDER).join("shop.production");
        let text = std::fs::read(&file).unwrap();
        let has = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
        assert!(has(b"dG9sZA==") && !has(b"aGlkZGVu"));
    }

    #[tokio::test]
    async fn the_newest_counts_and_the_file_goes_with_its_environment() {
        let folder = folder();
        let archives = Archives::below(folder.path()).unwrap();
        let mut archived = Archived::default();
        for value in ["1", "2"] {
            let all = desired("ConfigMap", &["a"], value);
            archived
                .keep(&archives, "shop.production", all.clone())
                .await;
            assert!(read(&mut archived, &all).await == Some(all));
        }
        let file = folder.path().join(FOLDER).join("shop.production");
        assert!(file.exists());
        drop(archived);
        assert!(!file.exists());
    }

    #[tokio::test]
    async fn a_spoiled_file_is_no_archive_and_is_written_anew() {
        let folder = folder();
        let archives = Archives::below(folder.path()).unwrap();
        let mut archived = Archived::default();
        let all = desired("ConfigMap", &["a", "b"], "1");
        archived
            .keep(&archives, "shop.production", all.clone())
            .await;
        assert!(archived.get().await.is_some());
        let file = folder.path().join(FOLDER).join("shop.production");
        std::fs::write(&file, "{}").unwrap();
        assert!(read(&mut archived, &all).await.is_none());
        archived
            .keep(&archives, "shop.production", all.clone())
            .await;
        assert!(read(&mut archived, &all).await == Some(all));
    }
}
