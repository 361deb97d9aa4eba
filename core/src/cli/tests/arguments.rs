use crate::cli::Arguments;
use crate::limits::VBUCKETS_DEFAULT;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace())
}

fn refused(line: &str) -> (ErrorKind, String) {
    match parse(line) {
        Ok(arguments) => panic!("`{line}` was accepted: {arguments:?}"),
        Err(error) => (error.kind(), error.to_string()),
    }
}

#[test]
fn the_definitions_agree_with_each_other() {
    Arguments::command().debug_assert();
}

#[test]
fn no_command_is_the_quick_start() {
    let arguments = parse("millstream --once").expect("it is one");
    assert!(arguments.command.is_none());
    assert_eq!(refused("millstream --once stats").0, ErrorKind::ArgumentConflict);
    assert_eq!(refused("millstream --twice").0, ErrorKind::UnknownArgument);
    assert_eq!(refused("millstream sreve").0, ErrorKind::InvalidSubcommand);
}

#[test]
fn serve_wants_exactly_one_store() {
    let (kind, text) = refused("millstream serve");
    assert_eq!(kind, ErrorKind::MissingRequiredArgument);
    assert!(text.contains("<--data <FOLDER>|--ephemeral>"), "{text}");
    let (kind, text) = refused("millstream serve --data x --ephemeral");
    assert_eq!(kind, ErrorKind::ArgumentConflict);
    assert!(text.contains("'--data <FOLDER>' cannot be used with '--ephemeral'"), "{text}");
}

#[test]
fn numbers_out_of_range_are_refused_with_the_range() {
    for (line, part) in [
        ("serve --ephemeral --vbuckets 0", "0 is not in 1..=65536"),
        ("serve --ephemeral --vbuckets 65537", "65537 is not in 1..=65536"),
        ("serve --ephemeral --memory 1k", "at least 1 MiB are needed"),
        ("serve --ephemeral --listen 127.0.0.1", "invalid socket address; write host:port"),
        ("serve --ephemeral --bucket a/b", "1 to 100 letters, digits and characters of _-.%"),
        ("serve --ephemeral --password-file x", "--user <NAME>"),
        ("load x.csv --batch 0", "0 is not in 1..=1000000"),
        ("load x.csv --expiry soon", "it must be a whole number"),
        ("tail --vbucket 5-1", "5-1 runs backwards"),
        ("tail --count 0", "0"),
        ("tail --buffer-size 4g", "4 GiB less one byte"),
        ("tail --server host:0", "a port is a number from 1 to 65535"),
        ("tail --server ::1", "an IPv6 address goes in brackets"),
        ("stats --timeout 0s", "it must be longer than that"),
    ] {
        let (_, text) = refused(&format!("millstream {line}"));
        assert!(text.contains(part), "{line}: {text}");
    }
}

#[test]
fn servers_have_a_port_of_their_own_unless_told() {
    use crate::cli::args::Command;
    for (given, meant) in [
        ("host", "host:11210"),
        ("host:1", "host:1"),
        ("10.0.0.1", "10.0.0.1:11210"),
        ("[::1]", "[::1]:11210"),
        ("[::1]:7", "[::1]:7"),
    ] {
        let arguments = parse(&format!("millstream tail --server {given}")).expect(given);
        let Some(Command::Tail(tail)) = arguments.command else { panic!("{given} is no tail") };
        assert_eq!(tail.client().address(), meant);
    }
}

#[test]
fn help_tells_the_defaults_and_the_exit_codes() {
    let mut command = Arguments::command();
    let help = command.find_subcommand_mut("serve").expect("there is one").render_long_help();
    let help = help.to_string();
    for part in [
        "[default: 127.0.0.1:11210]",
        &format!("[default: {VBUCKETS_DEFAULT}]"),
        "[default: 256MiB]",
        "[default: memory]",
        "  4  the server refused the user or the password",
    ] {
        assert!(help.contains(part), "{part} is not in:\n{help}");
    }
}
