//! A throw-away PostgreSQL server of one test, reached through a Unix socket; its files and processes go with it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

/// The account that runs the server, which does not run as root.
const ACCOUNT: &str = "postgres";

pub(in crate::dataplane) struct Cluster {
    programs: PathBuf,
    directory: TempDir,
    server: Option<Child>,
}

impl Cluster {
    /// Starts a server; where PostgreSQL is not installed, says so on a line of its own.
    pub(in crate::dataplane) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            println!("skipped: PostgreSQL's server programs are not under /usr/lib/postgresql");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        if is_root() {
            run(Command::new("chown").arg(ACCOUNT).arg(directory.path()));
        }
        let data = directory.path().join("data");
        let arguments = ["--auth=trust", "--username=postgres", "--no-sync", "--no-instructions", "--pgdata"];
        run(unprivileged(&programs.join("initdb")).args(arguments).arg(data));
        let mut cluster = Self { programs, directory, server: None };
        cluster.start_again();
        Some(cluster)
    }

    /// Starts the server that was stopped.
    pub(in crate::dataplane) fn start_again(&mut self) {
        let mut server = unprivileged(&self.programs.join("postgres"))
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.directory.path())
            .args(["-c", "listen_addresses=", "-c", "shared_buffers=16MB", "-c", "max_connections=60"])
            .args(std::env::var("SLIPROAD_TEST_SYNC").is_err().then_some("--fsync=off"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("ready to accept connections")), "the server does not start");
        std::thread::spawn(move || lines.for_each(drop));
        self.server = Some(server);
    }

    /// Stops the server at once, without a word to who is connected.
    pub(in crate::dataplane) fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let control = self.programs.join("pg_ctl");
        run(unprivileged(&control).args(["stop", "-m", "immediate", "-s", "-D"]).arg(self.data()));
        server.wait().unwrap();
    }

    pub(in crate::dataplane) fn options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().socket(self.directory.path());
        options.username("postgres").database("postgres")
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The newest server programs that are installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).filter_map(|path| Some((version(&path)?, path))).max()?;
    Some(newest.1.join("bin")).filter(|bin| bin.join("postgres").exists())
}

/// A program as the server's account where we are root; it ends with the thread that started it.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new(if is_root() { "runuser" } else { "setpriv" });
    if is_root() {
        command.args(["-u", ACCOUNT, "--", "setpriv"]);
    }
    command.args(["--pdeathsig", "QUIT"]).arg(program).current_dir("/").stdout(Stdio::null());
    command
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
