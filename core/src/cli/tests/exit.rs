use crate::cli::exit::{Exit, Failure};
use crate::client::ConnectSettings;
use crate::error::{Error, ErrorKind};
use crate::types::Seqno;
use crate::wire::{Opcode, Status, WireError};
use std::io;
use std::process::ExitCode;

fn refused(opcode: Opcode, status: Status) -> Failure {
    let error = Error::new(ErrorKind::Misuse, "host:1");
    Failure::from(error.because(WireError::Refused { opcode, status }))
}

fn because(kind: io::ErrorKind) -> Failure {
    Failure::from(
        Error::new(ErrorKind::Unavailable, "host:1: connecting failed")
            .because(io::Error::from(kind)),
    )
}

#[test]
fn each_way_of_failing_has_its_code() {
    let rollback = Error::new(ErrorKind::Rollback { to: Seqno(7) }, "go back");
    for (failure, exit) in [
        (Failure::failed("x"), Exit::Failed),
        (Failure::usage("x"), Exit::Usage),
        (Failure::from(Error::new(ErrorKind::Corrupt, "x")), Exit::Failed),
        (Failure::from(rollback), Exit::Rollback),
        (refused(Opcode::SASL_AUTH, Status::AUTH_ERROR), Exit::Login),
        (refused(Opcode::SASL_AUTH, Status::EINVAL), Exit::Login),
        (refused(Opcode::STAT, Status::EACCESS), Exit::Login),
        (refused(Opcode::STAT, Status::AUTH_STALE), Exit::Login),
        (refused(Opcode::STAT, Status::KEY_ENOENT), Exit::Failed),
        (because(io::ErrorKind::TimedOut), Exit::TimedOut),
        (because(io::ErrorKind::ConnectionRefused), Exit::Failed),
    ] {
        assert_eq!(failure.exit(), exit, "{failure}");
        assert_eq!(failure.code(), ExitCode::from(exit as u8));
    }
}

#[test]
fn hints_follow_what_went_wrong() {
    let text = refused(Opcode::SELECT_BUCKET, Status::EACCESS).to_string();
    assert!(text.contains("SELECT_BUCKET was refused with 0x24"), "{text}");
    assert!(text.ends_with("MILLSTREAM_PASSWORD or --password-file"), "{text}");
    assert!(text.contains("there is no bucket of that name, or"), "{text}");
    let text = refused(Opcode::SELECT_BUCKET, Status::KEY_ENOENT).to_string();
    assert!(text.ends_with("the server has no bucket of that name"), "{text}");
    let text = because(io::ErrorKind::ConnectionRefused).to_string();
    assert_eq!(text, "host:1: connecting failed: connection refused; is a server running there?");
    let text = Failure::failed("it broke").after("7 documents loaded before").to_string();
    assert_eq!(text, "it broke; 7 documents loaded before");
}

/// Who has logged in is told of the bucket, who has not of both: the server answers one as the other.
#[test]
fn a_bucket_that_is_refused_is_told_apart_from_a_login() {
    let error = |opcode, status| {
        Error::new(ErrorKind::Misuse, "host:1").because(WireError::Refused { opcode, status })
    };
    let settings = || ConnectSettings::new("host:1", "default");
    let (stranger, user) = (settings(), settings());
    let user = user.credentials("me", "secret");
    for (with, opcode, exit) in [
        (&user, Opcode::SELECT_BUCKET, Exit::Failed),
        (&stranger, Opcode::SELECT_BUCKET, Exit::Login),
        (&user, Opcode::STAT, Exit::Login),
    ] {
        let failure = Failure::connecting(with, error(opcode, Status::EACCESS));
        assert_eq!(failure.exit(), exit, "{failure}");
    }
    let wrong = Failure::connecting(&user, error(Opcode::SASL_AUTH, Status::AUTH_ERROR));
    assert_eq!(wrong.exit(), Exit::Login);
}

/// A cause is found however deep it lies.
#[test]
fn causes_of_causes_count() {
    let inside =
        Error::new(ErrorKind::Unavailable, "a").because(io::Error::from(io::ErrorKind::TimedOut));
    let outside = Error::new(ErrorKind::Unavailable, "b").because(inside);
    assert_eq!(Failure::from(outside).exit(), Exit::TimedOut);
}
