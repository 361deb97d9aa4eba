//! Where passwords come from: a file or the environment, never an argument, which every user of the machine can read.

use super::exit::{Failure, io_failure};
use std::env::{self, VarError};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The variable that holds the password when there is no file.
pub(super) const VARIABLE: &str = "MILLSTREAM_PASSWORD";
/// A password file is one line; what is longer is another file.
const FILE_BYTES_MAX: u64 = 4096;

/// The password of `user`: the first line of the file, or else the variable.
pub(super) fn password(user: &str, file: Option<&Path>) -> Result<String, Failure> {
    let password = match file {
        Some(path) => from_file(path)?,
        None => match env::var(VARIABLE) {
            Ok(password) => password,
            Err(VarError::NotPresent) => {
                let what = format!(
                    "user `{user}` has no password: set {VARIABLE}, or name a file with --password-file"
                );
                return Err(Failure::usage(what));
            }
            Err(VarError::NotUnicode(_)) => {
                return Err(Failure::usage(format!("{VARIABLE} is not UTF-8")));
            }
        },
    };
    check(&password).map_err(|what| {
        let source = file.map_or_else(|| VARIABLE.to_owned(), |path| path.display().to_string());
        Failure::usage(format!("the password in {source} {what}"))
    })?;
    Ok(password)
}

fn from_file(path: &Path) -> Result<String, Failure> {
    let failed =
        |error| io_failure(format_args!("cannot read password file {}", path.display()), &error);
    let file = File::open(path).map_err(failed)?;
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let what = format!(
            "{} is no password file: it has more than {FILE_BYTES_MAX} bytes",
            path.display()
        );
        return Err(Failure::usage(what));
    }
    let mut text = String::from_utf8(text)
        .map_err(|_| Failure::usage(format!("password file {} is not UTF-8", path.display())))?;
    // The line end that editors add is not part of the password; a second line would be a mistake.
    if text.ends_with('\n') {
        text.pop();
    }
    if text.ends_with('\r') {
        text.pop();
    }
    Ok(text)
}

fn check(password: &str) -> Result<(), &'static str> {
    if password.is_empty() {
        return Err("is empty");
    }
    if password.contains(['\0', '\n', '\r']) {
        return Err("has a line end or a NUL in it");
    }
    Ok(())
}
