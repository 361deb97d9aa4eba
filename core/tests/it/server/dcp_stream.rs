//! Streams from their request to their end.

use super::dcp::{Dcp, from_zero};
use super::requests::set;
use super::running::Running;
use millstream::types::Seqno;
use millstream::wire::Status;

#[test]
fn what_is_written_is_streamed() {
    let server = Running::start();
    let mut writer = server.client();
    for n in 0..10_u8 {
        let (key, value) = (format!("key-{n}"), format!("value-{n}"));
        let set = set(3, key.as_bytes(), value.as_bytes());
        assert_eq!(writer.status(|opaque, out| set.encode(opaque, out)), Status::SUCCESS);
    }
    let mut dcp = Dcp::open(&server, "first");
    let (_, log) = dcp.stream(&from_zero(3));
    assert_eq!(log.len(), 1, "one branch of history");
    let documents = dcp.documents(Seqno(10));
    assert_eq!(documents.len(), 10);
    assert_eq!(documents[9], (b"key-9".to_vec(), b"value-9".to_vec()));
}
