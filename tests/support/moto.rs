//! A moto server with an estate in it, a recording proxy before it, and `baseline` pointed at that.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use super::proxy::{Corrections, Proxy};
use super::python::Venv;
use super::{baseline, file, stderr, stdout};

/// The jump account.
pub const JUMP: &str = "111111111111";
/// The security account.
pub const SECURITY: &str = "222222222222";
/// Where the log key and the log bucket live.
pub const HOME: &str = "ap-northeast-1";
/// Every account.
pub const ACCOUNTS: [&str; 5] = [JUMP, SECURITY, "333333333333", "444444444444", "555555555555"];

/// The running server. It ends when this is dropped, and by itself when this process is gone: it watches its input.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(venv: &Venv) -> Server {
        let mut process = Command::new(venv.program("python"))
            .arg(file("tests/moto/server.py"))
            .env_clear()
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A line for every request.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let port = port.trim().parse().unwrap_or_else(|_| panic!("moto did not start: it says {port:?}"));
        Server { process, address: (Ipv4Addr::LOCALHOST, port).into() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Account, Region, boto3's names of service and operation, arguments.
pub type Call<'a> = (&'a str, &'a str, &'a str, &'a str, serde_json::Value);

/// One jump, one security and three project accounts on moto.
pub struct Moto {
    venv: Venv,
    server: Server,
    /// What `baseline` talks through.
    pub proxy: Proxy,
    directory: TempDir,
    keys: Vec<(String, String)>,
}

impl Moto {
    /// Starts everything and makes the estate with boto3; every Region gets the baseline.
    pub fn start(corrections: Corrections) -> Moto {
        Moto::start_in(&["*"], corrections)
    }

    /// The same, with Regions that get the baseline by the globs of the profiles file.
    pub fn start_in(regions: &[&str], corrections: Corrections) -> Moto {
        let venv = Venv::get();
        let server = Server::start(&venv);
        let proxy = Proxy::start(server.address, corrections);
        let directory = tempfile::tempdir().unwrap();
        let mut moto = Moto { venv, server, proxy, directory, keys: Vec::new() };
        let hops = ["222222222222:BaselineSecurity".to_owned()]
            .into_iter()
            .chain(ACCOUNTS[2..].iter().map(|id| format!("{id}:BaselineExecution")));
        let arguments: Vec<String> = [JUMP.to_owned()].into_iter().chain(hops).collect();
        let keys = moto.boto3("estate.py", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let keys: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&keys).unwrap();
        moto.keys = keys.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())).collect();
        std::fs::write(moto.directory.path().join("profiles.toml"), profiles(regions)).unwrap();
        moto
    }

    /// Writes `baseline.toml`.
    pub fn declare(&self, text: &str) {
        std::fs::write(self.directory.path().join("baseline.toml"), text).unwrap();
    }

    /// Runs `baseline` through the proxy and insists on its exit code; answers what it printed.
    pub fn baseline(&self, arguments: &[&str], code: i32) -> String {
        let output = baseline(self.directory.path())
            .args(arguments)
            .env("AWS_ENDPOINT_URL", self.proxy.endpoint())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("XDG_STATE_HOME", self.directory.path().join("state"))
            .envs(self.keys.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let said = format!("{}\n{}", stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(code), "baseline {}:\n{said}", arguments.join(" "));
        stdout(&output)
    }

    /// Runs `baseline plan --format json`.
    pub fn plan(&self, arguments: &[&str], code: i32) -> serde_json::Value {
        let arguments = [&["plan", "--format", "json"], arguments].concat();
        serde_json::from_str(&self.baseline(&arguments, code)).unwrap()
    }

    /// Runs a script of `tests/moto/` against moto itself and insists that it succeeds; answers what it printed.
    pub fn boto3(&self, script: &str, arguments: &[&str]) -> String {
        let output: Output = Command::new(self.venv.program("python"))
            .arg(file("tests/moto").join(script))
            .args(arguments)
            .env_clear()
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.server.address))
            .env("AWS_ACCESS_KEY_ID", "unknown")
            .env("AWS_SECRET_ACCESS_KEY", "unknown")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .unwrap();
        assert!(output.status.success(), "{script} {}:\n{}", arguments.join(" "), stderr(&output));
        stdout(&output)
    }

    /// Makes calls with boto3 as an administrator, past the proxy, in one process; answers their answers.
    pub fn calls(&self, calls: &[Call<'_>]) -> Vec<serde_json::Value> {
        let calls = serde_json::to_string(calls).unwrap();
        serde_json::from_str(&self.boto3("calls.py", &[&calls])).unwrap()
    }

    /// Lets boto3 read the whole estate and say what is not as it must be.
    pub fn audit(&self, mode: &str, prefix: &str) -> serde_json::Value {
        let arguments = [&[mode, SECURITY, HOME, prefix], &ACCOUNTS[..]].concat();
        serde_json::from_str(&self.boto3("audit.py", &arguments)).unwrap()
    }
}

fn profiles(regions: &[&str]) -> String {
    let mut text = format!(
        "[jump]\naccount = \"{JUMP}\"\n\n\
         [security]\naccount = \"{SECURITY}\"\nrole = \"BaselineSecurity\"\nhome_region = \"{HOME}\"\n\n\
         [defaults]\nrole = \"BaselineExecution\"\nregions = {{ include = {regions:?} }}\n"
    );
    for id in &ACCOUNTS[2..] {
        text.push_str(&format!("\n[[account]]\nid = \"{id}\"\n"));
    }
    text
}
