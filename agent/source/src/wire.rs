//! The conversation with a server: list references, receive a pack. Independent of what carries it.

pub(crate) mod http;
pub(crate) mod ssh;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, Cursor, Read},
    path::PathBuf,
    sync::atomic::AtomicBool,
};

use gix::{
    ObjectId,
    error::{ErrorExt, ResultExt, message},
    odb::pack,
    progress::Discard,
    protocol::{
        self, Handshake, LsRefsCommand,
        fetch::{Arguments, Context, Negotiate, Options, Response, Shallow, Tags, negotiate},
        handshake::Ref,
        ls_refs::RefPrefixes,
        transport::{Service, client::blocking_io::Transport},
    },
};

use crate::{Branch, FetchError, Reason, Revision, budget::Budget};

/// Who we say we are.
pub(crate) const AGENT: &str = concat!("git/driftless-", env!("CARGO_PKG_VERSION"));

/// What is said over an open connection.
pub(crate) type Talk<'a, T> =
    &'a mut dyn FnMut(&mut dyn Transport, &mut Handshake) -> gix::Result<T>;

/// Opens the conversation. Credentials are the carrier's business, so none are offered here.
pub(crate) fn greet(transport: &mut dyn Transport, budget: &Budget) -> gix::Result<Handshake> {
    let nobody = |_| Ok(None);
    let greeting = protocol::handshake(
        transport,
        Service::UploadPack,
        nobody,
        Vec::new(),
        &mut Discard,
    )?;
    let format = greeting.capabilities.capability("object-format");
    let format = format.and_then(|is| is.value().map(ToString::to_string));
    match format.as_deref() {
        None | Some("sha1") => Ok(greeting),
        Some(other) => {
            let text =
                format!("the repository names its objects by {other:?}; only sha1 is supported");
            Err(budget
                .fail(FetchError::new(Reason::Unsupported, text))
                .raise())
        }
    }
}

/// Where the wanted branches stand. Only they are asked for; a server that answers with more is sifted.
pub(crate) fn list(
    transport: &mut dyn Transport,
    greeting: &mut Handshake,
    branches: &BTreeSet<Branch>,
) -> gix::Result<BTreeMap<Branch, Option<Revision>>> {
    let refs = if let Some(refs) = greeting.refs.take() {
        refs
    } else {
        let mut prefixes = RefPrefixes::new();
        prefixes.extend(branches.iter().map(|branch| branch.reference().into()));
        let agent = ("agent", Some(AGENT.to_owned()));
        LsRefsCommand::new(Some(prefixes), &greeting.capabilities, agent).invoke_blocking(
            transport,
            &mut Discard,
            false,
        )?
    };
    let tips: BTreeMap<String, ObjectId> = refs.iter().filter_map(tip).collect();
    let found = |branch: &Branch| tips.get(&branch.reference()).copied().map(Revision::new);
    Ok(branches
        .iter()
        .map(|branch| (branch.clone(), found(branch)))
        .collect())
}

fn tip(reference: &Ref) -> Option<(String, ObjectId)> {
    let (name, id, peeled) = reference.unpack();
    Some((name.to_string(), peeled.or(id)?.to_owned()))
}

/// What to receive, and where to put it.
pub(crate) struct Order<'a> {
    pub(crate) repository: &'a gix::Repository,
    /// Exactly these commits, whatever the branches say by now.
    pub(crate) wants: &'a [ObjectId],
    /// Commits we hold; their history is not sent again.
    pub(crate) haves: &'a [ObjectId],
    pub(crate) objects: u32,
    pub(crate) object_bytes: u64,
}

/// A pack that came in.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) objects: u32,
    pub(crate) index: Option<PathBuf>,
}

/// Receives one pack in one round trip.
pub(crate) fn receive(
    mut transport: &mut dyn Transport,
    greeting: &mut Handshake,
    order: &Order<'_>,
    budget: &Budget,
) -> gix::Result<Received> {
    let mut received = Received::default();
    let store = |reader: &mut dyn BufRead, _: &mut dyn gix::DynNestedProgress, halt: &_| {
        received = write_pack(reader, order, budget, halt)?;
        Ok(true)
    };
    let options = Options {
        shallow_file: order.repository.shallow_file()?,
        shallow: &Shallow::NoChange,
        tags: Tags::None,
        reject_shallow_remote: true,
    };
    let context = Context {
        handshake: greeting,
        transport: &mut transport,
        user_agent: ("agent", Some(AGENT.to_owned())),
        trace_packetlines: false,
    };
    let mut exact = Exact {
        wants: order.wants,
        haves: order.haves,
    };
    protocol::fetch(&mut exact, store, Discard, budget.halt(), context, options)?;
    Ok(received)
}

/// Asks for exact commits and says everything in the first round: nothing is left to negotiate.
struct Exact<'a> {
    wants: &'a [ObjectId],
    haves: &'a [ObjectId],
}

impl Negotiate for Exact<'_> {
    fn mark_complete_and_common_ref(&mut self) -> gix::Result<negotiate::Action> {
        Ok(negotiate::Action::MustNegotiate {
            remote_ref_target_known: Vec::new(),
        })
    }

    fn add_wants(&mut self, arguments: &mut Arguments, _known: &[bool]) -> bool {
        self.wants.iter().for_each(|id| arguments.want(id));
        true
    }

    fn one_round(
        &mut self,
        _state: &mut negotiate::one_round::State,
        arguments: &mut Arguments,
        _previous: Option<&Response>,
    ) -> gix::Result<(negotiate::Round, bool)> {
        self.haves.iter().for_each(|id| arguments.have(id));
        let round = negotiate::Round {
            haves_sent: self.haves.len(),
            in_vain: 0,
            haves_to_send: self.haves.len(),
            previous_response_had_at_least_one_in_common: false,
        };
        Ok((round, true))
    }
}

/// `PACK`, version, number of objects.
const HEADER: usize = 12;

fn write_pack(
    reader: &mut dyn BufRead,
    order: &Order<'_>,
    budget: &Budget,
    halt: &AtomicBool,
) -> gix::Result<Received> {
    let mut header = [0; HEADER];
    reader
        .read_exact(&mut header)
        .or_raise(|| message("the pack ends before it begins"))?;
    let count = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    if count > order.objects {
        let text = format!(
            "the pack announces {count} objects, more than {}",
            order.objects
        );
        return Err(budget.fail(FetchError::new(Reason::TooLarge, text)).raise());
    }
    let options = pack::bundle::write::Options {
        thread_limit: Some(2),
        alloc_limit_bytes: usize::try_from(order.object_bytes).ok(),
        ..Default::default()
    };
    let outcome = pack::Bundle::write_to_directory(
        &mut Cursor::new(header).chain(reader),
        Some(&pack_directory(order.repository)),
        &mut Discard,
        halt,
        Some(order.repository.objects.clone()),
        order.repository.object_hash(),
        options,
    )?;
    // Nothing collects garbage here, so nothing needs to be kept from it.
    if let Some(keep) = outcome.keep_path {
        std::fs::remove_file(keep)
            .or_raise(|| message("the pack's .keep file does not go away"))?;
    }
    Ok(Received {
        objects: outcome.index.num_objects,
        index: outcome.index_path,
    })
}

/// Where packs are.
pub(crate) fn pack_directory(repository: &gix::Repository) -> PathBuf {
    repository.objects.store_ref().path().join("pack")
}
