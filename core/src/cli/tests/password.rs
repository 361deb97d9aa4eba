use crate::cli::exit::Exit;
use crate::cli::password::password;
use std::fs;
use std::path::PathBuf;

fn file(content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("there is room for a file");
    let path = folder.path().join("password");
    fs::write(&path, content).expect("there is room for a file");
    (folder, path)
}

fn read(content: impl AsRef<[u8]>) -> Result<String, String> {
    let (_folder, path) = file(content);
    password("me", Some(&path)).map_err(|failure| {
        assert_eq!(failure.exit(), Exit::Usage);
        failure.to_string().replace(&path.display().to_string(), "FILE")
    })
}

#[test]
fn a_file_is_one_line() {
    assert_eq!(read("secret"), Ok("secret".to_owned()));
    assert_eq!(read("secret\n"), Ok("secret".to_owned()));
    assert_eq!(read("with a space \r\n"), Ok("with a space ".to_owned()));
}

#[test]
fn what_is_no_password_is_refused_and_not_shown() {
    for (content, what) in [
        (&b""[..], "the password in FILE is empty"),
        (b"\n", "the password in FILE is empty"),
        (b"secret\nsecond\n", "the password in FILE has a line end or a NUL in it"),
        (b"sec\0ret", "the password in FILE has a line end or a NUL in it"),
        (b"\xFFsecret", "password file FILE is not UTF-8"),
        (&[b'x'; 5000], "FILE is no password file: it has more than 4096 bytes"),
    ] {
        assert_eq!(read(content), Err(what.to_owned()));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let (folder, path) = file("x");
    drop(folder);
    let failure = password("me", Some(&path)).expect_err("it is gone");
    assert_eq!(failure.exit(), Exit::Failed);
    assert!(
        failure.to_string().starts_with(&format!("cannot read password file {}: ", path.display()))
    );
}
