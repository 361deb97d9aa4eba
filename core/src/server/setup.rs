//! Commands that set a connection up, besides those that log in.

use super::call::{Call, Stop};
use super::status::Refused;
use crate::types::Datatype;
use crate::wire::kv::{Hello, HelloAnswer, Noop, Quit, SelectBucket, Version};
use crate::wire::{Feature, FeatureSet, Response, Status};

/// The features that are built.
const BUILT: FeatureSet = FeatureSet::of(&[
    Feature::TCP_NODELAY,
    Feature::MUTATION_SEQNO,
    // No document has any, so that all of them are shown; some clients go no further without it.
    Feature::XATTR,
    Feature::XERROR,
    Feature::SELECT_BUCKET,
    Feature::SNAPPY,
    Feature::JSON,
    Feature::ALT_REQUEST,
    Feature::COLLECTIONS,
    Feature::SNAPPY_EVERYWHERE,
    Feature::PRESERVE_TTL,
    Feature::CLUSTER_CONFIG_WITH_KNOWN_VERSION,
]);

/// What the server calls itself. Clients read the first three numbers as the version of the protocol's features.
pub(super) const VERSION: &str = concat!("7.6.0-millstream-", env!("CARGO_PKG_VERSION"));

/// `1f` HELLO: what was granted before is granted no longer.
pub(super) fn hello(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = Hello::parse(call.frame)?;
    call.peer.features = request.features.and(BUILT);
    // Some clients introduce themselves after they opened the connection.
    let (collections, snappy) = (call.peer.has(Feature::COLLECTIONS), call.peer.reads_snappy());
    if let Some(producer) = &mut call.peer.dcp {
        producer.set_collections(collections);
        producer.set_snappy(snappy);
    }
    tracing::debug!(agent = %String::from_utf8_lossy(request.agent), "a client introduced itself");
    let answer = HelloAnswer { features: call.peer.features };
    answer.encode(call.frame.header(), call.out());
    Ok(())
}

/// The name by which a client lets go of the bucket that it selected.
const NO_BUCKET: &[u8] = b"@no bucket@";

/// `89` SELECT_BUCKET. A bucket that does not exist is one that the client may not see: nobody is granted more than
/// the one there is, so that the answer does not tell which names are taken.
pub(super) fn select_bucket(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = SelectBucket::parse(call.frame)?;
    refuse_on_dcp(call)?;
    let named = request.bucket == call.shared.settings.bucket.as_bytes();
    if !named && request.bucket != NO_BUCKET {
        let why = "there is no such bucket, or it may not be accessed";
        return Err(Refused::new(Status::EACCESS, why).into());
    }
    call.peer.bucket_selected = named;
    done(call)
}

/// `0b` VERSION.
pub(super) fn version(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    Version::parse(call.frame)?;
    let answer = Response::to(call.frame.header(), Status::SUCCESS);
    answer.value(Datatype::RAW, VERSION.as_bytes()).encode(call.out());
    Ok(())
}

/// `0a` NOOP.
pub(super) fn noop(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    Noop::parse(call.frame)?;
    done(call)
}

/// `07`, `17` QUIT.
pub(super) fn quit(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = Quit::parse(call.frame)?;
    if !request.quiet {
        done(call)?;
    }
    Err(Stop::Close)
}

/// Answers with success and nothing else.
pub(super) fn done(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let answer = Response::to(call.frame.header(), Status::SUCCESS);
    answer.encode(call.out());
    Ok(())
}

/// A DCP connection stays with its user and bucket.
pub(super) fn refuse_on_dcp(call: &Call<'_, '_>) -> Result<(), Stop> {
    if call.peer.dcp.is_none() {
        return Ok(());
    }
    let why = "a DCP connection stays with its user and bucket";
    Err(Refused::new(Status::NOT_SUPPORTED, why).into())
}
