//! nginx in two roles: the backend that answers as a security server does, and the plain reverse proxy to compare with.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// A running nginx, ended when dropped.
pub(crate) struct Nginx {
    pub(crate) address: String,
    child: Child,
}

impl Nginx {
    /// The worker's process id: it does the work, the master only waits.
    pub(crate) fn pid(&self) -> u32 {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        let worker = fs::read_to_string(children).ok().and_then(|c| c.split_whitespace().next()?.parse().ok());
        worker.unwrap_or_else(|| self.child.id())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg("-QUIT").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// nginx's program, installed from Debian's packages where it is missing and that is possible.
pub(crate) fn find() -> Option<PathBuf> {
    let known = || ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().map(PathBuf::from).find(|p| p.exists());
    known().or_else(|| {
        let install = "apt-get update -q && apt-get install -q -y --no-install-recommends nginx-light";
        let _ = Command::new("sh").args(["-c", install]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        known()
    })
}

/// 1 KiB under any path that ends in `small`, a large file under any that ends in `large`; with the headers by which an answer of
/// the service is told from a fault.
pub(crate) fn backend(program: &Path, directory: &Path, large: u64) -> Result<Nginx> {
    let files = directory.join("files");
    fs::create_dir_all(&files)?;
    fs::write(files.join("small"), vec![b'a'; 1024])?;
    super::sparse(&files.join("large"), large)?;
    let headers = "add_header X-Road-Id $http_x_road_id; add_header X-Road-Request-Id 0;
            add_header X-Road-Request-Hash aGFzaA==; default_type application/json;";
    let server = format!(
        "location ~ small$ {{ alias {0}/small; {headers} }} location ~ large$ {{ alias {0}/large; {headers} }}
         open_file_cache max=10; sendfile on;",
        files.display()
    );
    start(program, directory, "backend", "", &server)
}

/// The plain reverse proxy: one worker, connections to the backend kept, nothing logged, no temporary files.
pub(crate) fn proxy(program: &Path, directory: &Path, backend: &str) -> Result<Nginx> {
    let upstream = format!("upstream b {{ server {backend}; keepalive 64; }}");
    let server = "location / { proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection \"\";
                  proxy_max_temp_file_size 0; }";
    start(program, directory, "proxy", &upstream, server)
}

fn start(program: &Path, directory: &Path, name: &str, upstream: &str, server: &str) -> Result<Nginx> {
    let home = directory.join(name);
    fs::create_dir_all(home.join("tmp"))?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let home_path = home.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {home_path}/tmp/{kind};"))
        .concat();
    let configuration = format!(
        "user root; worker_processes 1; daemon off; pid {home_path}/pid; error_log {home_path}/error.log;
         events {{ worker_connections 1024; }}
         http {{ access_log off; tcp_nodelay on; keepalive_requests 100000000; {temporary} {upstream}
                 server {{ listen {address}; {server} }} }}"
    );
    let file = home.join("nginx.conf");
    fs::write(&file, configuration)?;
    let child = Command::new(program).arg("-c").arg(&file).arg("-e").arg(home.join("start.log")).spawn()?;
    let nginx = Nginx { address, child };
    let limit = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(&nginx.address).is_err() {
        let log = fs::read_to_string(home.join("start.log")).unwrap_or_default();
        ensure!(Instant::now() < limit, "nginx ({name}) does not answer: {log}");
        std::thread::yield_now();
    }
    Ok(nginx)
}
