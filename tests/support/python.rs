//! A virtual environment with other people's AWS software, made once and kept below `target/`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::file;

/// What to do where there is no usable Python.
const HOW_TO_GET_IT: &str = "\
These tests run moto, botocore, the AWS CLI and parliament, which are written in Python. They need python3, 3.11 or newer, with venv:
    Debian, Ubuntu   apt-get install python3 python3-venv
    Fedora           dnf install python3
    macOS            brew install python
and a way to the Python package index (pip's own settings are honoured) the first time.";

/// The environment, with what `tests/moto/requirements.txt` pins.
#[derive(Debug)]
pub struct Venv(PathBuf);

impl Venv {
    /// Takes the environment that is there, or makes it when there is none for these requirements and this Python.
    ///
    /// Panics with a sentence that says how to get Python where it is missing: these tests are not skipped.
    pub fn get() -> Venv {
        let requirements = file("tests/moto/requirements.txt");
        let python = python3();
        let wanted = format!("{python}\n{}", fs::read_to_string(&requirements).unwrap());
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let venv = target.join("moto-venv");
        // Tests run in processes of their own: the first makes it, the others wait.
        let lock = File::create(target.join("moto-venv.lock")).unwrap();
        lock.lock().unwrap();
        let stamp = venv.join("made-for");
        if fs::read_to_string(&stamp).is_ok_and(|made_for| made_for == wanted) {
            return Venv(venv);
        }
        if venv.exists() {
            fs::remove_dir_all(&venv).unwrap();
        }
        make(&venv, &requirements);
        fs::write(stamp, wanted).unwrap();
        Venv(venv)
    }

    /// A program of the environment.
    pub fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }
}

/// The version of the `python3` on the path.
fn python3() -> String {
    let script = "import sys; print('%d.%d.%d' % sys.version_info[:3]); sys.exit(sys.version_info < (3, 11))";
    match Command::new("python3").args(["-c", script]).output() {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).unwrap().trim().to_owned(),
        Ok(output) => panic!(
            "python3 does not work or is too old ({}).\n{HOW_TO_GET_IT}\n{}",
            String::from_utf8_lossy(&output.stdout).trim(),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => panic!("python3 cannot be started: {error}.\n{HOW_TO_GET_IT}"),
    }
}

fn make(venv: &Path, requirements: &Path) {
    let own_pip = run("python3", ["-m".as_ref(), "venv".as_ref(), venv.as_os_str()]);
    let install = ["install", "--quiet", "--disable-pip-version-check", "--no-input", "--requirement"].map(OsStr::new);
    let installed = if own_pip.status.success() {
        let pip = ["-m", "pip"].map(OsStr::new);
        run(venv.join("bin/python"), pip.into_iter().chain(install).chain([requirements.as_os_str()]))
    } else {
        // Debian keeps the pip that goes into environments in a package of its own: python3-venv. The system's pip,
        // where there is one, can fill an environment as well.
        let bare = ["-m", "venv", "--clear", "--without-pip"].map(OsStr::new);
        let bare = run("python3", bare.into_iter().chain([venv.as_os_str()]));
        assert!(bare.status.success(), "python3 -m venv fails:\n{}\n{HOW_TO_GET_IT}", said(&own_pip));
        let pip = ["-m".as_ref(), "pip".as_ref(), "--python".as_ref(), venv.as_os_str()];
        let output = run("python3", pip.into_iter().chain(install).chain([requirements.as_os_str()]));
        assert!(
            output.status.success(),
            "python3 -m venv fails:\n{}\nand so does the system's pip:\n{}\n{HOW_TO_GET_IT}",
            said(&own_pip),
            said(&output)
        );
        output
    };
    assert!(installed.status.success(), "pip cannot install {}:\n{}", requirements.display(), said(&installed));
}

fn run<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = S>) -> Output {
    let program = program.as_ref();
    Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}.\n{HOW_TO_GET_IT}", program.display()))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
