//! A PostgreSQL server of its own for tests: in a temporary directory, on a Unix socket, gone when the test program ends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Starts and stops the server as it is told to; when nobody can tell any more, it ends and takes its directory with it.
const KEEPER: &str = r#"
bin=$1 home=$2 options=$3
"$bin/initdb" -D "$home/data" -U sliproad --auth=trust --no-sync -E UTF8 --locale=C >"$home/log" 2>&1 || { cat "$home/log" >&2; exit 1; }
while read -r command; do
    case $command in
    start) "$bin/pg_ctl" -D "$home/data" -w -l "$home/log" \
        -o "-c listen_addresses= -c unix_socket_directories=$home -c fsync=off -c max_connections=200 $options" start >/dev/null ;;
    stop) "$bin/pg_ctl" -D "$home/data" -w -m immediate stop >/dev/null ;;
    esac
    echo "$command $?"
done
"$bin/pg_ctl" -D "$home/data" -w -m immediate stop >/dev/null 2>&1
rm -rf "$home"
"#;

/// A running server.
pub(crate) struct Cluster {
    home: PathBuf,
    keeper: Mutex<Keeper>,
    databases: AtomicU32,
}

struct Keeper {
    _process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Cluster {
    /// A server, or `None` where PostgreSQL is not installed: then it says so.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("", &[])
    }

    /// As [`Cluster::start`], with these options of the server more, and these files beside its data.
    pub(crate) fn start_with(options: &str, files: &[(&str, &str)]) -> Option<Self> {
        let Some(programs) = programs() else {
            println!("skipped: PostgreSQL's initdb is neither in /usr/lib/postgresql nor in PATH");
            return None;
        };
        let home = tempfile::Builder::new().prefix("pg-").tempdir_in("/tmp").unwrap().keep();
        let mut all = vec![home.clone()];
        for (name, text) in files {
            all.push(home.join(name));
            std::fs::write(home.join(name), text).unwrap();
            std::fs::set_permissions(home.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        let mut command = match user() {
            User::Ourselves => Command::new("sh"),
            User::Postgres(user, group) => {
                all.iter().for_each(|path| chown(path, Some(user), Some(group)).unwrap());
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).args(["--clear-groups", "sh"]);
                command
            }
            User::Nobody => {
                println!("skipped: PostgreSQL does not run as root, and there is no user postgres");
                return None;
            }
        };
        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o755)).unwrap();
        command.args(["-c", KEEPER, "keeper"]).arg(programs).arg(&home).arg(options).current_dir("/");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let commands = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        let keeper = Mutex::new(Keeper { _process: process, commands, answers });
        let cluster = Self { home, keeper, databases: AtomicU32::new(0) };
        cluster.tell("start");
        Some(cluster)
    }

    /// Starts the server again, over what it kept.
    pub(crate) fn start_again(&self) {
        self.tell("start");
    }

    /// Ends the server at once, as a crash would.
    pub(crate) fn stop(&self) {
        self.tell("stop");
    }

    /// The URL of a new, empty database.
    pub(crate) async fn database(&self) -> SecretString {
        let name = format!("sliproad_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        SecretString::from(self.url(&name))
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://sliproad@localhost/{database}?host={}", self.home.display())
    }

    fn tell(&self, command: &str) {
        let mut keeper = self.keeper.lock().unwrap();
        writeln!(keeper.commands, "{command}").unwrap();
        let mut answer = String::new();
        keeper.answers.read_line(&mut answer).unwrap();
        let log = std::fs::read_to_string(self.home.join("log")).unwrap_or_default();
        assert_eq!(answer.trim_end(), format!("{command} 0"), "{log}");
    }
}

/// The directory of PostgreSQL's programs.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let installed = versions.map(|version| version.path().join("bin"));
    let mut found: Vec<PathBuf> = installed.filter(|bin| bin.join("initdb").exists()).collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.pop().or_else(|| std::env::split_paths(&path).find(|bin| bin.join("initdb").exists()))
}

enum User {
    Ourselves,
    Postgres(u32, u32),
    Nobody,
}

/// Whom the server is to run as: it refuses to run as root.
fn user() -> User {
    use std::os::unix::fs::MetadataExt as _;
    if std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() != 0) {
        return User::Ourselves;
    }
    let users = std::fs::read_to_string(Path::new("/etc/passwd")).unwrap_or_default();
    let numbers = |line: &str| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    users.lines().find_map(numbers).map_or(User::Nobody, |(user, group)| User::Postgres(user, group))
}
