//! PostgreSQL with logical decoding: COPY of a thousand rows a commit, and `pg_recvlogical` from a slot's beginning.
//!
//! Its processes share the work, so that a pass's processor time is that of all of them which live when it ends.

use super::process::{Process, Took};
use crate::million::Failure;
use crate::million::documents::Documents;
use core::ops::Range;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

/// PostgreSQL that syncs its commits; `None` if it is not installed.
pub(super) fn start() -> Result<Option<Process>, Failure> {
    let Some(programs) = programs() else { return Ok(None) };
    let account = Account::of_server();
    Process::start_with(programs.join("postgres"), account.as_ref(), |port, folder| {
        let data = folder.join("data");
        let mut init = Command::new(programs.join("initdb"));
        init.arg("-D").arg(&data).args(["-U", "bench", "-A", "trust", "--no-sync"]);
        init.stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(account) = &account {
            account.apply(&mut init);
        }
        // A folder that was not made fails the start, which says so.
        let _ = init.current_dir(folder).status();
        let (data, port, folder) = (text(&data), port.to_string(), text(folder));
        ["-D", &data, "-p", &port, "-k", &folder, "-h", "127.0.0.1", "-c", "wal_level=logical"]
            .map(str::to_owned)
            .to_vec()
    })
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The folder of the newest server that is installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let newest = versions.flatten().filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        Some((number, version.path().join("bin")))
    });
    newest.max_by_key(|(number, _)| *number).map(|(_, folder)| folder)
}

/// Who the server runs as: it refuses to be root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    #[cfg_attr(not(unix), allow(dead_code, reason = "there are no such numbers elsewhere"))]
    user: u32,
    #[cfg_attr(not(unix), allow(dead_code, reason = "there are no such numbers elsewhere"))]
    group: u32,
}

impl Account {
    /// The server's own account, if we are root; `None` to run as ourselves.
    fn of_server() -> Option<Self> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        if uids.split_whitespace().next() != Some("0") {
            return None;
        }
        let users = std::fs::read_to_string("/etc/passwd").ok()?;
        let line = users.lines().find(|line| line.starts_with("postgres:"))?;
        let mut fields = line.split(':').skip(2);
        let (user, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self { user, group })
    }

    #[cfg(unix)]
    pub(super) fn apply(&self, command: &mut Command) {
        use std::os::unix::process::CommandExt as _;
        command.uid(self.user).gid(self.group);
    }

    #[cfg(not(unix))]
    pub(super) fn apply(&self, _: &mut Command) {}

    /// Gives it a folder.
    #[cfg(unix)]
    pub(super) fn own(&self, folder: &Path) -> std::io::Result<()> {
        std::os::unix::fs::chown(folder, Some(self.user), Some(self.group))
    }

    #[cfg(not(unix))]
    pub(super) fn own(&self, _: &Path) -> std::io::Result<()> {
        Ok(())
    }
}

fn client(postgres: &Process, program: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-U", "bench", "-d", "postgres"]);
    command.args(["-p", &postgres.port.to_string()]).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

fn ask(postgres: &Process, statement: &str) -> Result<String, Failure> {
    let output = client(postgres, "psql").args(["-qAt", "-c", statement]).output()?;
    if !output.status.success() {
        return Err(format!("psql: {statement}: {}", output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The table, and the slot that keeps its changes.
pub(super) fn prepare(postgres: &Process) -> Result<(), Failure> {
    ask(postgres, "create table t (k text primary key, v bytea)")?;
    ask(postgres, "select pg_create_logical_replication_slot('s', 'test_decoding')")?;
    Ok(())
}

/// Inserts documents, a thousand a commit.
pub(super) fn ingest(
    postgres: &Process,
    documents: Documents,
    numbers: Range<u64>,
) -> Result<Took, Failure> {
    let total = numbers.end - numbers.start;
    let before = tree_cpu_ns(postgres.pid());
    let begun = Instant::now();
    let mut psql = client(postgres, "psql")
        .args(["-q", "-v", "ON_ERROR_STOP=1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    {
        let mut input = psql.stdin.take().ok_or("psql has no input")?;
        let mut from = numbers.start;
        while from < numbers.end {
            let to = numbers.end.min(from + 1000);
            let mut out = String::from("copy t from stdin;\n");
            for (key, value) in documents.range(from..to) {
                out.push_str(&String::from_utf8_lossy(&key));
                out.push_str("\t\\\\x");
                value.iter().for_each(|byte| out.push_str(&format!("{byte:02x}")));
                out.push('\n');
            }
            out.push_str("\\.\n");
            input.write_all(out.as_bytes())?;
            from = to;
        }
    }
    let status = psql.wait()?;
    if !status.success() {
        return Err(format!("psql: copy: {status}").into());
    }
    Ok(took(total, begun, before, postgres))
}

/// Decodes everything since the slot was made; the slot stays where it was.
pub(super) fn catch_up(postgres: &Process, wanted: u64) -> Result<Took, Failure> {
    // A copy of the slot, since reading moves it on.
    ask(postgres, "select pg_copy_logical_replication_slot('s', 'r')")?;
    let end = ask(postgres, "select pg_current_wal_flush_lsn()")?;
    let before = tree_cpu_ns(postgres.pid());
    let begun = Instant::now();
    let mut reader = client(postgres, "pg_recvlogical")
        .args(["--slot", "r", "--start", "-f", "-", "--endpos", &end])
        .stdout(Stdio::piped())
        .spawn()?;
    let counted = count(&mut reader);
    let took = took(wanted, begun, before, postgres);
    // It has ended, or failed and is of no use.
    let _ = reader.kill();
    let _ = reader.wait();
    let counted = counted?;
    ask(postgres, "select pg_drop_replication_slot('r')")?;
    if counted != wanted {
        return Err(format!("{counted} of {wanted} rows came").into());
    }
    Ok(took)
}

fn count(reader: &mut Child) -> Result<u64, Failure> {
    let output: ChildStdout = reader.stdout.take().ok_or("pg_recvlogical has no output")?;
    let mut rows = 0;
    for line in BufReader::with_capacity(1 << 20, output).lines() {
        rows += u64::from(line?.starts_with("table public.t: INSERT"));
    }
    Ok(rows)
}

fn took(operations: u64, begun: Instant, before: u64, postgres: &Process) -> Took {
    let time = begun.elapsed();
    let cpu = tree_cpu_ns(postgres.pid()).saturating_sub(before);
    let operations = operations.max(1) as f64;
    Took {
        server_ns: cpu as f64 / operations,
        per_second: operations / time.as_secs_f64(),
        latency: None,
    }
}

/// Processor time of a process, of its children that live, and of those that it has waited for; 0 where that is not
/// told.
fn tree_cpu_ns(pid: u32) -> u64 {
    const TICK_NS: u64 = 10_000_000;
    let Ok(processes) = std::fs::read_dir("/proc") else { return 0 };
    let mut ticks = 0;
    for process in processes.flatten() {
        let Ok(stat) = std::fs::read_to_string(process.path().join("stat")) else { continue };
        // Behind the name, which is in brackets and may hold anything.
        let Some((_, fields)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<u64> =
            fields.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
        let of = |at: usize| fields.get(at).copied().unwrap_or(0);
        let own = process.file_name().to_str() == Some(pid.to_string().as_str());
        // utime and stime, and for the parent those of children that are gone.
        match (own, of(1) == u64::from(pid)) {
            (true, _) => ticks += of(11) + of(12) + of(13) + of(14),
            (false, true) => ticks += of(11) + of(12),
            (false, false) => {}
        }
    }
    ticks * TICK_NS
}
