//! A client made of the codec and a socket: it sends what a test says, byte for byte, and shows what comes back.

use bytes::BytesMut;
use millstream::types::Opaque;
use millstream::wire::{Frame, FrameLimits, FrameReader, Response, Status};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One connection.
pub(crate) struct Client {
    pub(super) socket: TcpStream,
    reader: FrameReader,
    opaque: u32,
}

/// So long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// So long a test waits to be sure that nothing comes.
const SILENCE: Duration = Duration::from_millis(60);

impl Client {
    pub(super) fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).expect("the server listens");
        socket.set_nodelay(true).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Self { socket, reader: FrameReader::new(FrameLimits::AFTER_AUTH), opaque: 0 }
    }

    /// A number that no earlier request had.
    pub(super) fn opaque(&mut self) -> Opaque {
        self.opaque += 1;
        Opaque(self.opaque)
    }

    /// Sends bytes.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the connection is open");
    }

    /// Sends one request.
    pub(super) fn request(&mut self, encode: impl FnOnce(Opaque, &mut BytesMut)) -> Opaque {
        let opaque = self.opaque();
        let mut out = BytesMut::new();
        encode(opaque, &mut out);
        self.send(&out);
        opaque
    }

    /// Sends one request and takes the next message, which has to be its answer.
    pub(super) fn ask(&mut self, encode: impl FnOnce(Opaque, &mut BytesMut)) -> Frame {
        let opaque = self.request(encode);
        let frame = self.next();
        assert!(frame.header().magic.is_response(), "an answer, not {frame:?}");
        assert_eq!(frame.opaque(), opaque, "the answer to the request");
        frame
    }

    /// The status of the answer to a request.
    pub(super) fn status(&mut self, encode: impl FnOnce(Opaque, &mut BytesMut)) -> Status {
        self.ask(encode).status()
    }

    /// The next message.
    pub(super) fn next(&mut self) -> Frame {
        self.poll_next().expect("a message, and not the end of the connection")
    }

    /// The next message, or `None` at the end of the connection.
    pub(super) fn poll_next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.reader.next_frame().expect("well-formed messages") {
                return Some(frame);
            }
            let mut chunk = [0; 16 * 1024];
            match self.socket.read(&mut chunk) {
                Ok(0) => {
                    assert_eq!(self.reader.buffered(), 0, "the last message is whole");
                    return None;
                }
                Ok(n) => self.reader.feed(&chunk[..n]),
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
                Err(e) => panic!("nothing came in time: {e}"),
            }
        }
    }

    /// That nothing comes, and that the server is still there to answer.
    pub(super) fn is_silent(&mut self) {
        self.socket.set_read_timeout(Some(SILENCE)).expect("a socket");
        let frame = self.reader.next_frame().expect("well-formed messages");
        assert!(frame.is_none(), "silence, not {frame:?}");
        let mut byte = [0; 1];
        match self.socket.peek(&mut byte) {
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Ok(0) => panic!("the connection ended"),
            Ok(_) => panic!("silence, not {:?}", self.next()),
            Err(e) => panic!("the connection failed: {e}"),
        }
        self.socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    }

    /// That something comes, which is left where it is.
    pub(super) fn is_busy(&self) {
        assert_ne!(self.socket.peek(&mut [0; 1]).expect("something in time"), 0);
    }

    /// That the server ends the connection without another message.
    pub(super) fn is_closed(&mut self) {
        let frame = self.poll_next();
        assert!(frame.is_none(), "the end of the connection, not {frame:?}");
    }
}

/// The value of an answer of success.
pub(crate) fn value(frame: &Frame) -> Vec<u8> {
    let response = Response::parse(frame).expect("an answer");
    assert_eq!(response.status, Status::SUCCESS, "{}", String::from_utf8_lossy(response.value));
    response.value.to_vec()
}
