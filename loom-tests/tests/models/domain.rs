//! The last handle: what the pool still holds ends with it.

use loom::thread;
use millstream_models::Model;
use millstream_reclaim::{Domain, DomainConfig};

/// The last of two domains drops what the other's borrower gave back: else the memory is never freed, which loom
/// reports.
#[test]
fn drained_by_last_handle() {
    let model = Model::new("domain::drained_by_last_handle", 2).bound(4).floor(15);
    model.deep(None, 15).check(|| {
        let (domain, reaper) = Domain::new(DomainConfig::default());
        let other = thread::spawn({
            let domain = domain.clone();
            move || drop(domain.borrow("lent"))
        });
        drop(domain);
        other.join().unwrap();
        drop(reaper);
    });
}
